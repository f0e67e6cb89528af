/**
 * The launch gadget of libpulp.so (runtime/src/gadget.S), as seen by the tracer of the thread that
 * runs it: with which registers it begins, and how its clone ends.
 */
import { abi, UlpError } from '@ulp/core';
import { now, type Process } from '@ulp/ptrace-ffi';
import { ERESTART, SYSCALL, type Registers, type Tracee } from '@ulp/ptrace-ffi/borrowing';
import type { Stops } from './stops';

/** How long the gadget's system call may take, in ms. */
const GADGET_MS = 2000;
const RED_ZONE = 128n;
/** Direction and trap flag. */
const DF_TF = 0x500n;
export const USER_CS_64 = 0x33n;
const SIGSTOP = 19;
const NR_CLONE = BigInt(SYSCALL.clone);

/**
 * Is a thread in the gadget? A thread blocked in a system call that the gadget is repeating for it
 * (rip == control.repeat) counts as outside: it can be borrowed like any thread that sleeps in a
 * call.
 */
export function isInGadget(registers: Registers, control: abi.UlpControl): boolean {
  const rip = registers.get('rip');
  const repeats = rip === control.repeat && registers.signed('orig_rax') >= 0n;
  return rip >= control.gadget && rip < control.gadget_end && !repeats;
}

/** Where the resume frame of a thread is laid: below what its program may use. */
export const frameAddress = (registers: Registers): bigint =>
  registers.get('rsp') - RED_ZONE - BigInt(abi.ulp_resume_frame.size);

/** As the gadget wants them. @param state see Loan */
export const gadgetRegisters = (
  registers: Registers,
  control: abi.UlpControl,
  state: bigint,
): Registers =>
  registers.with({
    rip: control.gadget,
    rsp: frameAddress(registers),
    rax: state,
    orig_rax: -1n,
    eflags: registers.get('eflags') & ~DF_TF,
    rdi: BigInt(control.clone_flags),
    rsi: control.helper_stack,
    rdx: 0n,
    r10: control.tid_address,
    r8: control.helper_tls,
    r9: (state & ~0xffn) | BigInt(abi.STATE.launched),
  });

export interface Outcome {
  /** outrun: another thread was faster. late: it does not stop, nothing more is known. */
  readonly kind: 'started' | 'outrun' | 'failed' | 'fault' | 'late';
  /** What clone returned; or the signal of a fault. */
  readonly value: bigint;
}

/** From the stop to the exit of the gadget's first system call: clone, or one of its tail's. */
export function runGadget(process: Process, tracee: Tracee, stops: Stops): Outcome {
  tracee.syscall();
  for (let traps = 0, end = now() + GADGET_MS; ;) {
    const event = tracee.waitForStop(Math.max(0, end - now()));
    switch (event?.kind) {
      case undefined:
        stops.comesLate(tracee);
        return { kind: 'late', value: 0n };
      case 'exited':
      case 'killed':
        throw new UlpError('process-missing', { subject: `thread ${tracee.tid}` });
      case 'executed':
        // The gadget was not ours. Whatever runs there now, it is none of our business to set its
        // registers.
        throw new UlpError('process-missing', {
          subject: process.subject,
          fact: 'it has executed another program',
        });
      case 'signal':
        // A filter that kills, or a stack that ends: nothing else comes through the mask,
        if (event.signal !== SIGSTOP) return { kind: 'fault', value: BigInt(event.signal) };
        tracee.syscall(event.signal); // but this: let the group stop begin, carry on
        break;
      case 'group':
      case 'interrupted':
        if (now() >= end) {
          // It is stopped and continued without pause: the gadget goes on alone when that ends.
          tracee.detach();
          return { kind: 'late', value: 0n };
        }
        tracee.syscall();
        break;
      case 'syscall': {
        if (++traps % 2 === 1) {
          tracee.syscall();
          break;
        }
        const registers = tracee.getRegs();
        const value = registers.signed('rax');
        if (registers.get('orig_rax') !== NR_CLONE) return { kind: 'outrun', value: 0n };
        if (value !== ERESTART.NOINTR) return { kind: value < 0n ? 'failed' : 'started', value };
        tracee.syscall(); // broken off by a group stop before it did anything
      }
    }
  }
}

export const notStarted = (process: Process, found: string): UlpError =>
  new UlpError('patch-refused', {
    subject: process.subject,
    fact: 'the helper could not be started',
    found,
    detail: 'nothing was changed',
  });
