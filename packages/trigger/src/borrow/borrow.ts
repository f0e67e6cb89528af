/**
 * Borrows one thread of the target process for one clone(2): stop it, send it into the launch
 * gadget of libpulp.so, give it back. This program may die at any line: the frame written on the
 * thread's stack lets the gadget put the thread back by itself. The order of the requests is that
 * argument; do not change it.
 *
 * Everything between interrupt and detach is synchronous.
 */
import { abi, remoteAddress, UlpError, type RemoteAddress, type Tid } from '@ulp/core';
import { type Memory } from '@ulp/ptrace-ffi';
import { ERESTART, resumable, type Registers, type Tracee } from '@ulp/ptrace-ffi/borrowing';
import {
  frameAddress,
  gadgetRegisters,
  isInGadget,
  notStarted,
  runGadget,
  USER_CS_64,
} from './gadget';
import type { Loan } from './loan';
import { AGAIN, rehearse } from './rehearsal';
import { repeatWith } from './repeat-frame';
import { resumeFrame } from './resume-frame';
import { hasStack } from './stack';
import { TimeLeft } from './time-left';

const ALL_SIGNALS = 0xffff_ffff_ffff_ffffn;

/** @returns false when this thread would not do */
export function borrow(loan: Loan, tid: Tid): boolean {
  const { process, control, stops } = loan;
  let tracee: Tracee | undefined;
  const timeLeft = TimeLeft.begin(process, tid);
  rehearse(loan, AGAIN, lend);
  timeLeft?.rehearse((at, left) => repeatWith(at, left, control.repeat, at.get('rsp')));
  try {
    tracee = stops.askToStop(tid);
    return lend(loan, tracee, timeLeft);
  } catch (error) {
    // A thread that ends under our hands is no reason to give up; anything else is.
    if (!(error instanceof UlpError && error.code === 'process-missing')) throw error;
    process.assertAlive();
    return false;
  } finally {
    if (tracee) stops.letGo(tracee);
    timeLeft?.close();
  }
}

/** From the request to stop to the detaching. */
export function lend(loan: Loan, tracee: Tracee, timeLeft?: TimeLeft): boolean {
  if (!loan.stops.awaitStop(tracee)) return false;
  const found = tracee.getRegs();
  const registers = resumable(found);
  // First of all: should this program die now, the kernel decides about EINTR as it should.
  if (registers !== found) tracee.setRegs(registers);
  if (registers.get('cs') !== USER_CS_64 || isInGadget(registers, loan.control)) return false;
  if (!hasStack(loan.maps, loan.memory, registers.get('rsp'))) return false;
  const filters = loan.confirm(tracee);
  if (filters === undefined || tracee.isLockedOut()) return false;
  const isUnfiltered = filters === 0;
  return sendIntoGadget(loan, tracee, registers, isUnfiltered, isUnfiltered ? timeLeft : undefined);
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
 * which only a tracer can keep from the thread
 * @returns false when the thread has no stack left, or is no thread of this memory
 */
function sendIntoGadget(
  { process, memory, control, state, stops, token, mark }: Loan,
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
  const { kind, value } = runGadget(process, tracee, stops);
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
