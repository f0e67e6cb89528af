/**
 * A thread of another process, borrowed through ptrace(2): seize, interrupt, look, change, detach.
 *
 * All of it is synchronous. Between interrupt() and detach() there must be no `await`: the event
 * loop would reap stops (libuv waits for its children), and the thread would stand still for
 * longer.
 */
import { UlpError, type Tid } from '@ulp/core';
import { explainDenial } from './denial';
import { Registers, user_regs_struct } from './registers';
import type { SeccompFilter } from './seccomp';
import { now, sleep } from './sleep';
import { classifyStop, type Stop } from './stop';

type Libc = typeof import('./libc');
let loaded: Libc | undefined;

/**
 * Loads the FFI. Worth calling before a thread is stopped: it takes 30 to 50 ms.
 * The package's own name, so that a bundled command finds the native code beside it.
 */
export function libc(): Libc {
  // Loaded late because commands that only read never need it.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return (loaded ??= require('@ulp/ptrace-ffi/libc') as Libc);
}

/** Requests of <sys/ptrace.h>. */
const PTRACE = {
  peekdata: 2,
  cont: 7,
  getregs: 12,
  setregs: 13,
  detach: 17,
  syscall: 24,
  seize: 0x4206,
  interrupt: 0x4207,
  getsigmask: 0x420a,
  setsigmask: 0x420b,
  getRegset: 0x4204,
  seccompGetFilter: 0x420c,
  getSyscallUserDispatch: 0x4211,
} as const;

/** Above every pid_max. */
const NOBODY = 0x7fff_ffff as Tid;
/** Where nobody stands, as wait statuses; see stop.ts. */
const STATUS = { interrupted: 0x80_057f, syscall: 0x857f } as const;
/** PTRACE_O_TRACESYSGOOD, PTRACE_O_TRACEEXEC. */
const OPTIONS = 0x11;
const SIGSET_SIZE = 8;
const EPERM = -1;
const ENOENT = -2;
const ESRCH = -3;
const EIO = -5;
const EACCES = -13;
const EINVAL = -22;
const SOCK_FILTER_SIZE = 8;

/** Where the structs lie in the page that is shared with the kernel. */
const REGISTERS_AT = 0;
const MASK_AT = 512;
const WORD_AT = 520;
const DISPATCH_AT = 640;
const IOVEC_AT = 704;

/** struct ptrace_sud_config: mode, selector, offset, length. */
const DISPATCH_SIZE = 32;
/**
 * <elf.h>: what xsave stores, in its standard form; the kernel keeps the mask of components where
 * xsave leaves room.
 */
const XSTATE = { note: 0x202, componentsAt: 464, storedAt: 512, pkru: 9 } as const;
/**
 * Where Intel has PKRU when larger components follow (AMX). Otherwise it is the last word but one,
 * whoever made the processor.
 */
const PKRU_BEFORE_OTHERS_AT = 2688;
const PKRU_SIZE = 8;
/** Access and writing denied to key 0, which all memory has that was given no other. */
const KEY_0_DENIED = 3;
/** How often a denial is put to the test. */
const AGAIN = 2;

export class Tracee {
  private readonly libc = libc();
  private attached = true;
  /** Of nobody. */
  private stops = 0;

  private constructor(readonly tid: Tid) {}

  /**
   * Attaches without stopping the thread.
   * @throws UlpError process-missing, process-traced, process-denied
   */
  static seize(tid: Tid): Tracee {
    for (let turn = 0; ; turn++) {
      const result = libc().ptrace(PTRACE.seize, tid, 0, OPTIONS);
      if (result === 0) return new Tracee(tid);
      if (result === ESRCH) throw gone(tid);
      if (result !== EPERM && result !== EIO) throw defect(tid, 'PTRACE_SEIZE', result);
      const error = explainDenial(tid, 'trace');
      // The kernel says the same of a first thread that has ended; by now another one, which
      // executes a program, may have its id.
      if (error.code !== 'process-denied' || turn === AGAIN) throw error;
    }
  }

  /**
   * A thread that is traced by this program already, by this id: one that has executed a program
   * while it was traced goes on with the id of its process's first thread.
   */
  static executed(pid: Tid): Tracee {
    return new Tracee(pid);
  }

  /**
   * A thread that does not exist, to practise on: the first run of anything in a program takes up
   * to milliseconds (compilation, lazy binding), and shall not be one for which a thread stands
   * still. Every request to it is made, and counts as done. It stands as `registers` say at first,
   * and then at system calls; it has no filters.
   */
  static nobody(registers: Registers): Tracee {
    const nobody = new Tracee(NOBODY);
    nobody.libc.page.set(registers.bytes, REGISTERS_AT);
    return nobody;
  }

  /** Asks the thread to stop; waitForStop() tells when it has. */
  interrupt(): void {
    this.request('interrupt', 0, 0);
  }

  /**
   * The next stop, or the thread's end.
   * @returns undefined when nothing happened in time: the thread does not stand, and cannot be
   * detached
   *   (a parent in vfork, a thread in uninterruptible sleep)
   */
  waitForStop(timeoutMs: number): Stop | undefined {
    const deadline = now() + timeoutMs;
    for (let turn = 0; ; turn++) {
      const event = this.libc.waitNow(this.tid);
      if (event && 'error' in event) {
        if (this.tid === NOBODY)
          return classifyStop(this.stops++ === 0 ? STATUS.interrupted : STATUS.syscall);
        this.attached = false;
        throw gone(this.tid);
      }
      if (event) {
        const stop = classifyStop(event.status);
        if (stop.kind === 'exited' || stop.kind === 'killed') this.attached = false;
        return stop;
      }
      // A thread usually stops within 20 us: look again at once for a while, then let others run.
      if (turn < 50) continue;
      if (now() >= deadline) return undefined;
      sleep(turn < 200 ? 0.05 : 1);
    }
  }

  getRegs(): Registers {
    this.request('getregs', 0, this.libc.pageAddress + REGISTERS_AT);
    const { page } = this.libc;
    return new Registers(
      new Uint8Array(page.buffer, page.byteOffset + REGISTERS_AT, user_regs_struct.size),
    );
  }

  setRegs(registers: Registers): void {
    this.libc.page.set(registers.bytes, REGISTERS_AT);
    this.request('setregs', 0, this.libc.pageAddress + REGISTERS_AT);
  }

  /** Bit n-1 stands for signal n. */
  getSigmask(): bigint {
    this.request('getsigmask', SIGSET_SIZE, this.libc.pageAddress + MASK_AT);
    return this.libc.pageView.getBigUint64(MASK_AT, true);
  }

  /** Drops a temporary mask (sigsuspend, ppoll) as well. */
  setSigmask(mask: bigint): void {
    this.libc.pageView.setBigUint64(MASK_AT, mask, true);
    this.request('setsigmask', SIGSET_SIZE, this.libc.pageAddress + MASK_AT);
  }

  /**
   * How many seccomp filters stand before the thread's system calls; they can only become more.
   * @returns undefined when this kernel does not tell us: it takes CAP_SYS_ADMIN on the host, and
   * no filter of our own
   */
  seccompFilterCount(): number | undefined {
    for (let count = 0; ; count++) {
      const size = this.seccompFilter(count, 0);
      if (size === EACCES || size === EIO) return undefined;
      // EINVAL: there is none.
      if (size === ENOENT || (size === EINVAL && count === 0)) return count;
      if (size < 0) throw defect(this.tid, 'PTRACE_SECCOMP_GET_FILTER', size);
    }
  }

  /** @returns the filters, the newest first; undefined as above */
  seccompFilters(): SeccompFilter[] | undefined {
    const count = this.seccompFilterCount();
    if (count === undefined) return undefined;
    return Array.from({ length: count }, (_, i) => {
      const size = this.seccompFilter(i, this.libc.filterRoomAddress);
      if (size < 0) throw defect(this.tid, 'PTRACE_SECCOMP_GET_FILTER', size);
      return new Uint8Array(this.libc.filterRoom.subarray(0, size * SOCK_FILTER_SIZE));
    });
  }

  /** @returns how many instructions, or a negated errno */
  private seccompFilter(index: number, room: number): number {
    const size = this.libc.ptrace(PTRACE.seccompGetFilter, this.tid, index, room);
    if (this.tid === NOBODY) return ENOENT;
    if (size === ESRCH) throw gone(this.tid);
    return size;
  }

  /**
   * Do some of its system calls raise SIGSYS instead (PR_SET_SYSCALL_USER_DISPATCH)?
   * @returns undefined when the kernel does not tell: before Linux 6.4
   */
  dispatchesSyscalls(): boolean | undefined {
    const { pageView, pageAddress, ptrace } = this.libc;
    const at = pageAddress + DISPATCH_AT;
    const result = ptrace(PTRACE.getSyscallUserDispatch, this.tid, DISPATCH_SIZE, at);
    if (result === ESRCH && this.tid !== NOBODY) throw gone(this.tid);
    const isOn = pageView.getBigUint64(DISPATCH_AT, true) !== 0n;
    if (this.tid === NOBODY) return false;
    return result < 0 ? undefined : isOn;
  }

  /** Do protection keys (pkeys(7)) keep the thread from ordinary memory just now? */
  isLockedOut(): boolean {
    const { pageView, pageAddress, filterRoomView: room, filterRoomAddress } = this.libc;
    pageView.setBigUint64(IOVEC_AT, BigInt(filterRoomAddress), true);
    pageView.setBigUint64(IOVEC_AT + 8, BigInt(room.byteLength), true);
    const result = this.libc.ptrace(
      PTRACE.getRegset,
      this.tid,
      XSTATE.note,
      pageAddress + IOVEC_AT,
    );
    if (result === ESRCH && this.tid !== NOBODY) throw gone(this.tid);
    if (result < 0) return false;
    const size = Number(pageView.getBigUint64(IOVEC_AT + 8, true));
    const components = room.getUint32(XSTATE.componentsAt, true) >>> XSTATE.pkru;
    // A component that is not stored is as at first: all is allowed.
    const isStored = (room.getUint32(XSTATE.storedAt, true) >>> XSTATE.pkru) & 1;
    if (!(components & 1) || !isStored) return false;
    const at = components === 1 ? size - PKRU_SIZE : PKRU_BEFORE_OTHERS_AT;
    return (room.getUint32(at, true) & KEY_0_DENIED) !== 0;
  }

  /**
   * Does this word lie at an address, as the thread itself sees its memory?
   * @param address of at most 53 bits
   */
  holds(address: number, word: bigint): boolean {
    const { pageView, pageAddress, ptrace } = this.libc;
    const result = ptrace(PTRACE.peekdata, this.tid, address, pageAddress + WORD_AT);
    const found = pageView.getBigUint64(WORD_AT, true);
    return this.tid === NOBODY || (result === 0 && found === word);
  }

  /** Goes on to the next entry to or exit from a system call. */
  syscall(signal = 0): void {
    this.request('syscall', 0, signal);
  }

  cont(signal = 0): void {
    this.request('cont', 0, signal);
  }

  /** Lets the thread go. Does nothing when it is gone already. */
  detach(signal = 0): void {
    if (!this.attached) return;
    this.attached = false;
    const result = this.libc.ptrace(PTRACE.detach, this.tid, 0, signal);
    if (result < 0 && result !== ESRCH) throw defect(this.tid, 'PTRACE_DETACH', result);
  }

  /** @throws UlpError process-missing when the thread was killed, or does not stand */
  private request(name: keyof typeof PTRACE, address: number, data: number): void {
    const result = this.libc.ptrace(PTRACE[name], this.tid, address, data);
    if (result === 0 || this.tid === NOBODY) return;
    if (result === ESRCH) throw gone(this.tid);
    throw defect(this.tid, `PTRACE_${name.toUpperCase()}`, result);
  }
}

const gone = (tid: Tid): UlpError =>
  new UlpError('process-missing', { subject: `thread ${tid}`, fact: 'no such thread' });

const defect = (tid: Tid, request: string, result: number): UlpError =>
  new UlpError('defect', {
    subject: `thread ${tid}`,
    fact: `${request} failed`,
    found: `errno ${-result}`,
  });
