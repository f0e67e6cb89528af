/**
 * What both implementations of a Tracee have in common: the requests, and what the kernel's answers
 * mean. It is one class for both, and the answers come from an object of one shape, so that a
 * rehearsal warms the very code, and the compiler's expectations, that a thread then stands still
 * for. (Two classes made the stop a seventh longer.)
 */
import { UlpError, type Tid } from '@ulp/core';
import { libc, type Libc } from '../native';
import { now, sleep } from '../sleep';
import { Registers, user_regs_struct } from './registers';
import type { SeccompFilter } from './seccomp';
import { classifyStop, type Stop } from './stop';
import type { Tracee } from './tracee';

/** Requests of <sys/ptrace.h>. */
export const PTRACE = {
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

const SIGSET_SIZE = 8;
export const EPERM = -1;
export const ENOENT = -2;
export const ESRCH = -3;
export const EIO = -5;
const EACCES = -13;
export const EINVAL = -22;
const SOCK_FILTER_SIZE = 8;

/** Where the structs lie in the page that is shared with the kernel. */
export const REGISTERS_AT = 0;
const MASK_AT = 512;
export const WORD_AT = 520;
export const DISPATCH_AT = 640;
const IOVEC_AT = 704;

/** struct ptrace_sud_config: mode, selector, offset, length. */
const DISPATCH_SIZE = 32;
/**
 * <elf.h>: what xsave stores, in its standard form; the kernel keeps the mask of components where
 * xsave leaves bytes free.
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

/** Where the answers come from. */
export interface Answers {
  /** @returns what ptrace(2) does, or a negated errno */
  readonly ptrace: Libc['ptrace'];
  readonly waitNow: Libc['waitNow'];
}

export class TracedThread implements Tracee {
  private readonly libc = libc();
  private attached = true;

  constructor(
    readonly tid: Tid,
    private readonly answers: Answers,
  ) {}

  interrupt(): void {
    this.request('interrupt', 0, 0);
  }

  waitForStop(timeoutMs: number): Stop | undefined {
    const deadline = now() + timeoutMs;
    for (let turn = 0; ; turn++) {
      const event = this.answers.waitNow(this.tid);
      if (event && 'error' in event) {
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

  getSigmask(): bigint {
    this.request('getsigmask', SIGSET_SIZE, this.libc.pageAddress + MASK_AT);
    return this.libc.pageView.getBigUint64(MASK_AT, true);
  }

  setSigmask(mask: bigint): void {
    this.libc.pageView.setBigUint64(MASK_AT, mask, true);
    this.request('setsigmask', SIGSET_SIZE, this.libc.pageAddress + MASK_AT);
  }

  seccompFilterCount(): number | undefined {
    for (let count = 0; ; count++) {
      const size = this.seccompFilter(count, 0);
      if (size === EACCES || size === EIO) return undefined;
      // EINVAL: there is none.
      if (size === ENOENT || (size === EINVAL && count === 0)) return count;
      if (size < 0) throw defect(this.tid, 'PTRACE_SECCOMP_GET_FILTER', size);
    }
  }

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
  private seccompFilter(index: number, to: number): number {
    const size = this.answers.ptrace(PTRACE.seccompGetFilter, this.tid, index, to);
    if (size === ESRCH) throw gone(this.tid);
    return size;
  }

  dispatchesSyscalls(): boolean | undefined {
    const { pageView, pageAddress } = this.libc;
    const at = pageAddress + DISPATCH_AT;
    const result = this.answers.ptrace(PTRACE.getSyscallUserDispatch, this.tid, DISPATCH_SIZE, at);
    if (result === ESRCH) throw gone(this.tid);
    const isOn = pageView.getBigUint64(DISPATCH_AT, true) !== 0n;
    return result < 0 ? undefined : isOn;
  }

  isLockedOut(): boolean {
    const { pageView, pageAddress, filterRoomView: area, filterRoomAddress } = this.libc;
    pageView.setBigUint64(IOVEC_AT, BigInt(filterRoomAddress), true);
    pageView.setBigUint64(IOVEC_AT + 8, BigInt(area.byteLength), true);
    const result = this.answers.ptrace(
      PTRACE.getRegset,
      this.tid,
      XSTATE.note,
      pageAddress + IOVEC_AT,
    );
    if (result === ESRCH) throw gone(this.tid);
    if (result < 0) return false;
    const size = Number(pageView.getBigUint64(IOVEC_AT + 8, true));
    const components = area.getUint32(XSTATE.componentsAt, true) >>> XSTATE.pkru;
    // A component that is not stored is as at first: all is allowed.
    const isStored = (area.getUint32(XSTATE.storedAt, true) >>> XSTATE.pkru) & 1;
    if (!(components & 1) || !isStored) return false;
    const at = components === 1 ? size - PKRU_SIZE : PKRU_BEFORE_OTHERS_AT;
    return (area.getUint32(at, true) & KEY_0_DENIED) !== 0;
  }

  holds(address: number, word: bigint): boolean {
    const { pageView, pageAddress } = this.libc;
    const result = this.answers.ptrace(PTRACE.peekdata, this.tid, address, pageAddress + WORD_AT);
    return pageView.getBigUint64(WORD_AT, true) === word && result === 0;
  }

  syscall(signal = 0): void {
    this.request('syscall', 0, signal);
  }

  cont(signal = 0): void {
    this.request('cont', 0, signal);
  }

  detach(signal = 0): void {
    if (!this.attached) return;
    this.attached = false;
    const result = this.answers.ptrace(PTRACE.detach, this.tid, 0, signal);
    if (result < 0 && result !== ESRCH) throw defect(this.tid, 'PTRACE_DETACH', result);
  }

  /** @throws UlpError process-missing when the thread was killed, or does not stand */
  private request(name: keyof typeof PTRACE, address: number, data: number): void {
    const result = this.answers.ptrace(PTRACE[name], this.tid, address, data);
    if (result === 0) return;
    if (result === ESRCH) throw gone(this.tid);
    throw defect(this.tid, `PTRACE_${name.toUpperCase()}`, result);
  }
}

export const gone = (tid: Tid): UlpError =>
  new UlpError('process-missing', { subject: `thread ${tid}`, fact: 'no such thread' });

export const defect = (tid: Tid, request: string, result: number): UlpError =>
  new UlpError('defect', {
    subject: `thread ${tid}`,
    fact: `${request} failed`,
    found: `errno ${-result}`,
  });
