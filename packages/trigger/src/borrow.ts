/**
 * Borrows one thread of the target for one clone: stop it, send it into the launch gadget of
 * libpulp.so, give it back. This program may die at any line: the frame written on the thread's
 * stack lets the gadget put the thread back by itself. The order of the requests is that argument;
 * do not change it.
 *
 * Everything between interrupt and detach is synchronous.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { abi, remoteAddress, UlpError, type RemoteAddress, type Tid } from '@ulp/core';
import {
  ERESTART,
  libc,
  Memory,
  now,
  parseMaps,
  Registers,
  resumable,
  Tracee,
  user_regs_struct,
} from '@ulp/ptrace-ffi';
import type { Mapping, Process } from '@ulp/ptrace-ffi';
import { tryThreads } from './candidates';
import type { Moments } from './moments';
import type { Permits } from './permits';
import { repeatWith } from './repeat-frame';
import { resumeFrame } from './resume-frame';
import { hasStack } from './stack-room';
import { standsWith } from './standing';
import { askToStop, awaitStop, comesLate, letGo } from './stopping';
import { TimeLeft } from './time-left';

/** How long the gadget's system call may take, in ms. */
const GADGET_MS = 2000;
const RED_ZONE = 128n;
const ALL_SIGNALS = 0xffff_ffff_ffff_ffffn;
/** Direction and trap flag. */
const DF_TF = 0x500n;
const USER_CS_64 = 0x33n;
const SIGSTOP = 19;
const NR_CLONE = 56n;
/** Once in this program, before a thread is chosen: for the compiler. */
const REHEARSALS = 10;
/** Before each thread: for the processor's caches. */
const AGAIN = 2;

/** What a thread is borrowed for: the same for each that is tried. */
interface Loan {
  readonly process: Process;
  /** Of the process; in a rehearsal our own. */
  readonly memory: Memory;
  readonly control: abi.UlpControl;
  /** sequence << 8 | requested */
  readonly state: bigint;
  readonly permits: Permits;
  /** Of the process, read anew for each thread; in a rehearsal our own. */
  readonly maps: readonly Mapping[];
  /**
   * Random, new for each launch. Written through the memory that everything was checked in, and
   * read back through the thread: so it is sure that it still is a thread of that memory. It may
   * have executed another program, perhaps with more rights, while a process that shares the old
   * memory keeps that alive; or its id is another's now.
   */
  readonly token: bigint;
  /**
   * How the request in the buffer begins, which no program has there that has just begun: asked
   * first, so that nothing is written for it.
   */
  readonly mark: bigint;
}

const MARK_BYTES = 8;

/** See Loan.mark. @throws UlpError process-hostile, process-missing */
export const readMark = (memory: Memory, request: RemoteAddress): bigint =>
  memory.read(request, MARK_BYTES, 'the request').readBigUInt64LE();

let rehearsed = false;

/**
 * Has the helper started for the request of this state word.
 * @param state sequence << 8 | requested
 * @returns false when no thread could be borrowed in time: nobody was disturbed
 * @throws UlpError process-missing, process-traced, process-denied, process-unsupported (its
 * filters), patch-refused (clone failed)
 */
export async function launchHelper(
  process: Process,
  control: abi.UlpControl,
  state: bigint,
  { permits, moments }: { readonly permits: Permits; readonly moments: Moments },
  deadline: number,
): Promise<boolean> {
  const { memory } = process;
  const token = randomBytes(abi.TOKEN_BYTES).readBigUInt64LE();
  const request = remoteAddress(control.request);
  const mark = readMark(memory, request);
  const loan = { process, memory, control, state, permits, token, mark };
  if (!rehearsed) rehearse(loan, REHEARSALS);
  rehearsed = true;
  return tryThreads(process, moments, deadline, {
    stops: () => true,
    attempt(thread) {
      const { tid } = thread;
      const mayBe = standsWith(process, tid) && permits.allows(thread);
      return mayBe && borrow({ ...loan, maps: process.maps() }, tid);
    },
    afterRound(threads) {
      permits.throwIfRefused(threads);
      process.assertHolds(request, mark);
    },
  });
}

/** @returns false when this thread would not do */
function borrow(loan: Loan, tid: Tid): boolean {
  const { process, control } = loan;
  let tracee: Tracee | undefined;
  const timeLeft = TimeLeft.begin(process, tid);
  rehearse(loan, AGAIN);
  timeLeft?.rehearse((at, left) => repeatWith(at, left, control.repeat, at.get('rsp')));
  try {
    tracee = askToStop(tid);
    return lend(loan, tracee, timeLeft);
  } catch (error) {
    // A thread that ends under our hands is no reason to give up; anything else is.
    if (!(error instanceof UlpError && error.code === 'process-missing')) throw error;
    process.assertAlive();
    return false;
  } finally {
    if (tracee) letGo(tracee);
    timeLeft?.close();
  }
}

/** From the request to stop to the detaching. */
function lend(loan: Loan, tracee: Tracee, timeLeft?: TimeLeft): boolean {
  if (!awaitStop(tracee)) return false;
  const found = tracee.getRegs();
  const registers = resumable(found);
  // First of all: should this program die now, the kernel decides about EINTR as it should.
  if (registers !== found) tracee.setRegs(registers);
  if (registers.get('cs') !== USER_CS_64 || isInGadget(registers, loan.control)) return false;
  if (!hasStack(loan.maps, loan.memory, registers.get('rsp'))) return false;
  const filters = loan.permits.confirm(tracee);
  if (filters === undefined || tracee.isLockedOut()) return false;
  const isUnfiltered = filters === 0;
  return sendIntoGadget(loan, tracee, registers, isUnfiltered, isUnfiltered ? timeLeft : undefined);
}

/** In a call that the gadget repeats for it, it is not: that is as good as any other. */
function isInGadget(registers: Registers, control: abi.UlpControl): boolean {
  const rip = registers.get('rip');
  const repeats = rip === control.repeat && registers.signed('orig_rax') >= 0n;
  return rip >= control.gadget && rip < control.gadget_end && !repeats;
}

const frameAddress = (registers: Registers): bigint =>
  registers.get('rsp') - RED_ZONE - BigInt(abi.ulp_resume_frame.size);

/** As the gadget wants them: runtime/src/gadget.S. */
const gadgetRegisters = (registers: Registers, control: abi.UlpControl, state: bigint): Registers =>
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

/**
 * Borrows nobody a few times, from beginning to end: what runs while a thread stands still has then
 * run before, which its first run makes ten times as long. What would be written on a thread's
 * stack goes to a page of our own.
 */
function rehearse(loan: Omit<Loan, 'maps'>, turns: number): void {
  const maps = parseMaps(readFileSync('/proc/self/maps', 'latin1'));
  const { page, pageAddress } = libc();
  const outside = new Registers(new Uint8Array(user_regs_struct.size)).with({
    cs: USER_CS_64,
    rsp: BigInt(pageAddress + page.length / 2),
    orig_rax: -1n,
  });
  const stops = [
    outside,
    outside.with({ orig_rax: 0n, rax: ERESTART.SYS }),
    outside.with({ orig_rax: 232n, rax: -4n }),
  ];
  const own = Memory.own();
  for (let turn = 0; turn < turns; turn++)
    for (const registers of stops) {
      const nobody = Tracee.nobody(registers);
      nobody.interrupt();
      lend({ ...loan, memory: own, maps }, nobody);
    }
  own.close();
}

/**
 * Does the gadget's tail put this thread back to the last bit? It does outside of system calls, in
 * those that have ended, and in those that are repeated whatever signal is pending. For the others
 * the kernel decides better, at a restore by us.
 */
function isRestoredExactly(registers: Registers): boolean {
  const code = registers.signed('rax');
  const inSyscall = registers.signed('orig_rax') >= 0n;
  return !inSyscall || (code !== ERESTART.SYS && code !== ERESTART.NOHAND);
}

/**
 * @param isUnfiltered may the gadget run unwatched? A seccomp filter could answer its system calls
 * with a signal,
 *   which only a tracer can keep from the thread
 * @returns false when the thread has no room on its stack
 */
function sendIntoGadget(
  { process, memory, control, state, token, mark }: Loan,
  tracee: Tracee,
  registers: Registers,
  isUnfiltered: boolean,
  timeLeft: TimeLeft | undefined,
): boolean {
  if (!tracee.holds(Number(control.request), mark)) return false;
  const mask = tracee.getSigmask();
  const frame = frameAddress(registers);
  const below = remoteAddress(frame - BigInt(abi.TOKEN_BYTES));
  const bytes = resumeFrame(registers, mask, token);
  if (!tryWrite(memory, below, bytes) || !tracee.holds(Number(below), token)) return false;
  const left = timeLeft?.ofStopped(registers);
  const repeat = left && repeatWith(registers, left, control.repeat, below);
  const repeats = repeat !== undefined && tryWrite(memory, repeat.address, repeat.bytes);
  const goesAlone = isRestoredExactly(registers) && isUnfiltered;
  // Drops a temporary mask of sigsuspend or ppoll; it stays only where the call is repeated unless
  // a handler runs.
  if (!goesAlone) tracee.setSigmask(mask);
  tracee.setRegs(gadgetRegisters(registers, control, state));
  // After the registers: a thread whose mask alone was changed would stay deaf if this program
  // died.
  tracee.setSigmask(ALL_SIGNALS);
  if (goesAlone) {
    // the gadget's tail does the rest, and the thread stands for a tenth of the time
    tracee.detach();
    return true;
  }
  const { kind, value } = runGadget(process, tracee);
  if (kind === 'late') return true; // the gadget puts the thread back, the helper answers
  if (kind === 'failed') {
    tracee.detach(); // the gadget notes the failure and puts the thread back
    throw notStarted(process, `clone(2) failed with errno ${-value}`);
  }
  tracee.setSigmask(mask);
  // The gadget's tail, where it has come to that, has used the stack on which the frame lies.
  tracee.setRegs(repeats && kind === 'started' ? repeat.registers : registers);
  tracee.detach();
  if (kind === 'fault') throw notStarted(process, `signal ${value} in the gadget`);
  return true;
}

function tryWrite(memory: Memory, address: RemoteAddress, bytes: Uint8Array): boolean {
  try {
    memory.write(address, bytes, 'stack of the borrowed thread');
    return true;
  } catch (error) {
    if (error instanceof UlpError && error.code === 'process-hostile') return false;
    throw error;
  }
}

interface Outcome {
  /** outrun: another thread was faster. late: it does not stop, nothing more is known. */
  readonly kind: 'started' | 'outrun' | 'failed' | 'fault' | 'late';
  /** What clone returned; or the signal of a fault. */
  readonly value: bigint;
}

/** From the stop to the exit of the gadget's first system call: clone, or one of its tail's. */
function runGadget(process: Process, tracee: Tracee): Outcome {
  tracee.syscall();
  for (let stops = 0, end = now() + GADGET_MS; ;) {
    const event = tracee.waitForStop(Math.max(0, end - now()));
    switch (event?.kind) {
      case undefined:
        comesLate(tracee);
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
        if (++stops % 2 === 1) {
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

const notStarted = (process: Process, found: string): UlpError =>
  new UlpError('patch-refused', {
    subject: process.subject,
    fact: 'the helper could not be started',
    found,
    detail: 'nothing was changed',
  });
