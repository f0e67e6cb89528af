/**
 * What the seccomp filters of a thread say to a system call: classic BPF over struct seccomp_data,
 * as the kernel runs it (kernel/seccomp.c, seccomp_check_filter and seccomp_run_filters). Pure.
 */

/** struct sock_filter[], as PTRACE_SECCOMP_GET_FILTER gives it. */
export type SeccompFilter = Uint8Array;

export interface SystemCall {
  readonly number: number;
  readonly args: readonly bigint[];
}

type SeccompAction =
  'allow' | 'log' | 'trace' | 'notify' | 'errno' | 'trap' | 'kill-thread' | 'kill-process';

export interface SeccompVerdict {
  readonly action: SeccompAction;
  /** The errno of `errno`. */
  readonly data: number;
}

const AUDIT_ARCH_X86_64 = 0xc000_003e;
const INSTRUCTION_SIZE = 8;
const DATA_SIZE = 64;
const INSTRUCTION_POINTER_AT = 8;
/** SECCOMP_RET_*, by the upper 16 bits. */
const ACTIONS: ReadonlyMap<number, SeccompAction> = new Map([
  [0x7fff, 'allow'],
  [0x7ffc, 'log'],
  [0x7ff0, 'trace'],
  [0x7fc0, 'notify'],
  [0x0005, 'errno'],
  [0x0003, 'trap'],
  [0x0000, 'kill-thread'],
]);

/**
 * The verdict of all filters of a thread: the strictest action counts, of equal ones that of the
 * newest filter.
 */
export function seccompVerdict(
  filters: readonly SeccompFilter[],
  call: SystemCall,
): SeccompVerdict {
  const data = seccompData(call);
  let strictest = 0x7fff_0000;
  // The newest filter runs first; the kernel compares actions as signed numbers.
  for (const filter of filters) {
    const result = run(filter, data);
    if ((result & 0xffff_0000) >> 0 < (strictest & 0xffff_0000) >> 0) strictest = result;
  }
  // What is not known kills, as in the kernel.
  return {
    action: ACTIONS.get(strictest >>> 16) ?? 'kill-process',
    data: strictest & 0xffff,
  };
}

function seccompData({ number, args }: SystemCall): DataView {
  const data = new DataView(new ArrayBuffer(DATA_SIZE));
  data.setInt32(0, number, true);
  data.setUint32(4, AUDIT_ARCH_X86_64, true);
  for (let i = 0; i < 6; i++)
    data.setBigUint64(16 + 8 * i, BigInt.asUintN(64, args[i] ?? 0n), true);
  return data;
}

/** Class, size, mode and operation of an instruction: <linux/bpf_common.h>. */
const CLASS = { ld: 0, ldx: 1, st: 2, stx: 3, alu: 4, jmp: 5, ret: 6, misc: 7 } as const;
const MODE = { imm: 0x00, abs: 0x20, mem: 0x60, len: 0x80 } as const;
const USE_X = 0x08;

const ALU: Readonly<Record<number, (a: number, b: number) => number>> = {
  0x00: (a, b) => a + b,
  0x10: (a, b) => a - b,
  0x20: (a, b) => Math.imul(a, b),
  0x30: (a, b) => Math.floor(a / b),
  0x40: (a, b) => a | b,
  0x50: (a, b) => a & b,
  0x60: (a, b) => a << b,
  0x70: (a, b) => a >>> b,
  0x80: (a) => -a,
  0xa0: (a, b) => a ^ b,
};

const DIVISION = 0x30;

const JUMPS: Readonly<Record<number, (a: number, b: number) => boolean>> = {
  0x10: (a, b) => a === b,
  0x20: (a, b) => a > b,
  0x30: (a, b) => a >= b,
  0x40: (a, b) => (a & b) !== 0,
};

/** What no filter that the kernel took contains: taken for SECCOMP_RET_KILL_PROCESS. */
const KILL = 0x8000_0000;

/** @returns the value that the program returns, unsigned */
function run(filter: SeccompFilter, data: DataView): number {
  const program = new DataView(filter.buffer, filter.byteOffset, filter.byteLength);
  const memory = new Uint32Array(16);
  let a = 0;
  let x = 0;
  // Jumps lead forward only, so it ends.
  for (let at = 0; at + INSTRUCTION_SIZE <= program.byteLength;) {
    const code = program.getUint16(at, true);
    const k = program.getUint32(at + 4, true);
    const jump = (count: number): void => void (at += count * INSTRUCTION_SIZE);
    jump(1);
    const operand = code & USE_X ? x : k;
    switch (code & 7) {
      case CLASS.ld:
      case CLASS.ldx: {
        const value = load(code & 0xe0, k, memory, data);
        if (value === undefined) return KILL;
        if ((code & 7) === CLASS.ld) a = value;
        else x = value;
        break;
      }
      case CLASS.st:
        memory[k & 15] = a;
        break;
      case CLASS.stx:
        memory[k & 15] = x;
        break;
      case CLASS.alu: {
        const operation = ALU[code & 0xf0];
        if (!operation) return KILL;
        // As the kernel has it: a division by zero ends the filter with 0, which is
        // SECCOMP_RET_KILL_THREAD.
        if ((code & 0xf0) === DIVISION && operand === 0) return 0;
        a = operation(a, operand) >>> 0;
        break;
      }
      case CLASS.jmp: {
        if ((code & 0xf0) === 0) {
          jump(k);
          break;
        }
        const test = JUMPS[code & 0xf0];
        if (!test) return KILL;
        jump(program.getUint8(at - INSTRUCTION_SIZE + (test(a, operand) ? 2 : 3)));
        break;
      }
      case CLASS.ret:
        return (code & 0x18) === 0x10 ? a : k;
      default:
        if ((code & 0xf8) === 0x80) a = x;
        else x = a;
    }
  }
  return KILL;
}

function load(mode: number, k: number, memory: Uint32Array, data: DataView): number | undefined {
  switch (mode) {
    case MODE.imm:
      return k;
    case MODE.abs:
      // Where a call will be made from is not known: a filter that asks for it is supposed to kill.
      if (k === INSTRUCTION_POINTER_AT || k === INSTRUCTION_POINTER_AT + 4) return undefined;
      return k % 4 === 0 && k < DATA_SIZE ? data.getUint32(k, true) : undefined;
    case MODE.mem:
      return memory[k & 15];
    case MODE.len:
      return DATA_SIZE;
    default:
      return undefined;
  }
}
