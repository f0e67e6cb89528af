/**
 * The general registers of a stopped thread, kept as the kernel's own bytes so that they go back
 * exactly.
 */
import { field, struct, u64 } from '@ulp/core';

/** struct user_regs_struct of <sys/user.h>, x86-64. */
export const user_regs_struct = struct('user_regs_struct', {
  r15: field(u64, ''),
  r14: field(u64, ''),
  r13: field(u64, ''),
  r12: field(u64, ''),
  rbp: field(u64, ''),
  rbx: field(u64, ''),
  r11: field(u64, ''),
  r10: field(u64, ''),
  r9: field(u64, ''),
  r8: field(u64, ''),
  rax: field(u64, 'result of the system call at an exit stop'),
  rcx: field(u64, ''),
  rdx: field(u64, ''),
  rsi: field(u64, ''),
  rdi: field(u64, ''),
  orig_rax: field(u64, 'number of the system call that the thread is in; -1: in none'),
  rip: field(u64, ''),
  cs: field(u64, '0x33 in 64-bit code, 0x23 in 32-bit code'),
  eflags: field(u64, ''),
  rsp: field(u64, ''),
  ss: field(u64, ''),
  fs_base: field(u64, ''),
  gs_base: field(u64, ''),
  ds: field(u64, ''),
  es: field(u64, ''),
  fs: field(u64, ''),
  gs: field(u64, ''),
});

export type RegisterName = keyof typeof user_regs_struct.offset;

/** Immutable. Values are unsigned 64-bit; `signed` gives the other reading. */
export class Registers {
  private readonly data: DataView;
  readonly bytes: Uint8Array;

  /** Copies: a Buffer's slice() would share its memory. */
  constructor(bytes: Uint8Array) {
    this.bytes = new Uint8Array(bytes);
    this.data = new DataView(this.bytes.buffer);
  }

  get(name: RegisterName): bigint {
    return this.data.getBigUint64(user_regs_struct.offset[name], true);
  }

  signed(name: RegisterName): bigint {
    return this.data.getBigInt64(user_regs_struct.offset[name], true);
  }

  /** A copy with some registers changed; negative values become two's complement. */
  with(changes: Partial<Readonly<Record<RegisterName, bigint>>>): Registers {
    const copy = new Registers(this.bytes);
    for (const name in changes) {
      const value = changes[name as RegisterName];
      if (value !== undefined)
        copy.data.setBigUint64(user_regs_struct.offset[name as RegisterName], value, true);
    }
    return copy;
  }
}
