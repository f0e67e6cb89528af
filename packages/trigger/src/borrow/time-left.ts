/**
 * What is left of the time-out of the call that a thread sleeps in. Never less than that: what
 * cannot be known makes it more, or leaves the whole.
 *
 * The time since the thread fell asleep in this call has gone by; the kernel's clocks of running
 * time tell it, before and after the stop, if the thread woke on the processor on which it had
 * fallen asleep. That it is still this call, and not one of the next, is known by a watch on the
 * address to which the call returns, set while the thread was seen asleep in it.
 */
import type { Tid } from '@ulp/core';
import {
  ERESTART,
  isSameCall,
  readRunClock,
  Registers,
  ReturnWatch,
  user_regs_struct,
} from '@ulp/ptrace-ffi/borrowing';
import type { Asleep, Process } from '@ulp/ptrace-ffi';
import type { RunClock } from '@ulp/ptrace-ffi/borrowing';
import { timeOutOf, wholeOf, type GivenTimeOut } from '../calls/time-out';

/**
 * The two clocks may differ by so much of a time: 500 parts in a million by adjtimex(2), and their
 * calibration.
 */
const DRIFT = 1000n;
const REHEARSALS = 20;

export interface Left {
  readonly timeOut: GivenTimeOut;
  readonly ns: bigint;
}

export class TimeLeft {
  private constructor(
    private readonly tid: Tid,
    private readonly asleep: Asleep,
    private readonly timeOut: GivenTimeOut,
    /** In ns. */
    private readonly whole: bigint,
    private readonly before: RunClock,
    private readonly watch: ReturnWatch,
  ) {}

  /**
   * Before the thread is asked to stop. close() must follow.
   * @returns undefined when it is in no call with a time-out that begins anew, or nothing can be
   * known about it
   */
  static begin(process: Process, tid: Tid): TimeLeft | undefined {
    const asleep = process.asleep(tid);
    const timeOut = asleep && timeOutOf(asleep);
    const watch = timeOut && ReturnWatch.at(tid, asleep.pc);
    if (!watch) return undefined;
    const again = process.asleep(tid);
    const first = readRunClock(tid);
    const before = readRunClock(tid);
    const hasRun = first?.ns !== before?.ns || first?.processor !== before?.processor;
    const whole = wholeOf(process.memory, asleep, timeOut);
    if (!before || hasRun || whole === undefined || !again || !isSameCall(again, asleep)) {
      watch.close();
      return undefined;
    }
    return new TimeLeft(tid, asleep, timeOut, whole, before, watch);
  }

  /**
   * What runs while the thread stands has then run before; see rehearsal.ts.
   * @param use what is done with the answer
   */
  rehearse(use: (registers: Registers, left: Left) => void): void {
    const { syscall, pc, sp } = this.asleep;
    const registers = new Registers(new Uint8Array(user_regs_struct.size)).with({
      orig_rax: BigInt(syscall),
      // What resumable() makes of the EINTR of these calls.
      rax: ERESTART.NOHAND,
      rip: pc,
      rsp: sp,
    });
    for (let turn = 0; turn < REHEARSALS; turn++) {
      const left = this.ofStopped(registers);
      if (left) use(registers, left);
    }
  }

  /** @param registers of the thread, which stands, resumable */
  ofStopped(registers: Registers): Left | undefined {
    const { syscall, pc, sp } = this.asleep;
    const isThere =
      registers.get('orig_rax') === BigInt(syscall) &&
      registers.signed('rax') === ERESTART.NOHAND &&
      registers.get('rip') === pc &&
      registers.get('rsp') === sp;
    return isThere ? this.reckon() : undefined;
  }

  close(): void {
    this.watch.close();
  }

  private reckon(): Left | undefined {
    const after = readRunClock(this.tid);
    if (this.watch.passes() !== 0n || after?.processor !== this.before.processor) return undefined;
    const slept = after.ns - this.before.ns;
    const ns = this.whole - slept + slept / DRIFT;
    return { timeOut: this.timeOut, ns: ns < 0n ? 0n : ns };
  }
}
