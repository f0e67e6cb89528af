/**
 * The system calls that a change makes in the target: those of the gadget and the helper
 * (runtime/src), and what glibc makes for dlopen, dlclose and malloc. For asking a seccomp filter
 * beforehand. The test of filters lets a process have these calls alone, so a call that is missing
 * here kills it.
 */
import type { abi } from '@ulp/core';
import type { SystemCall } from '@ulp/ptrace-ffi/borrowing';

export interface NeededCall extends SystemCall {
  readonly name: string;
  /** Does the change go on, or fail cleanly, when it is denied with an error? */
  readonly dispensable: boolean;
}

type CloneArguments = Pick<
  abi.UlpControl,
  'clone_flags' | 'helper_stack' | 'tid_address' | 'helper_tls'
>;

type Row = readonly [name: string, number: number, ...args: (number | bigint)[]];

const READ = 1;
const READ_WRITE = 3;
const READ_EXECUTE = 5;
const PRIVATE = 0x2;
const FIXED_FILE = 0x812;
const ANONYMOUS_NEAR = 0x10_0022;
const ANONYMOUS_FIXED = 0x32;
const NORESERVE = 0x4022;
const CLOEXEC = 0x8_0000;
const O_RDWR_CLOEXEC = 0x8_0002;
const AT_FDCWD = -100;
const FD = 3;
const NO_FD = -1;
const PAGE = 4096;

/** Without them nothing works; and the thread that is borrowed needs them on its way back. */
const NEEDED: readonly Row[] = [
  ['rt_sigpending', 127],
  ['rt_sigaction', 13, 10, 0, PAGE, 8],
  ['rt_sigprocmask', 14, 2, PAGE, 0, 8],
  ['exit', 60],
  ['openat', 257, AT_FDCWD, PAGE, O_RDWR_CLOEXEC],
  ['openat', 257, AT_FDCWD, PAGE, CLOEXEC],
  ['read', 0, FD, PAGE, PAGE],
  ['pwrite64', 18, FD, PAGE, 1, PAGE],
  ['close', 3, FD],
  ['membarrier', 324, 1 << 6],
  ['membarrier', 324, 1 << 5],
  ['gettid', 186],
  ['futex', 202, PAGE, 0x80],
  ['futex', 202, PAGE, 0x81],
  ['munmap', 11, PAGE, PAGE],
  ['mprotect', 10, PAGE, 1 << 20, READ_WRITE],
];

/** To load a patch. */
const LOADING: readonly Row[] = [
  ['newfstatat', 262, FD, PAGE, PAGE, 0x1000],
  ['mmap', 9, 0, PAGE, READ, 0x802, FD, 0],
  ['mmap(PROT_EXEC)', 9, PAGE, PAGE, READ_EXECUTE, FIXED_FILE, FD, PAGE],
  ['mmap', 9, PAGE, PAGE, READ, FIXED_FILE, FD, PAGE],
  ['mmap', 9, PAGE, PAGE, READ_WRITE, FIXED_FILE, FD, PAGE],
  ['mmap', 9, PAGE, 16 * PAGE, READ_WRITE, ANONYMOUS_NEAR, NO_FD, 0],
  ['mmap(PROT_EXEC)', 9, PAGE, 15 * PAGE, READ_EXECUTE, ANONYMOUS_FIXED, NO_FD, 0],
  ['mprotect', 10, PAGE, PAGE, READ],
];

/**
 * What is tried, and done without when it is denied with an error. A filter that kills for it kills
 * all the same.
 */
const TRIED: readonly Row[] = [
  ['rseq', 334, PAGE, 32, 0, 0x5305_3053],
  ['getpid', 39],
  ['tgkill', 234, 1, 1, 0],
  ['process_vm_readv', 310, 1, PAGE, 1, PAGE, 1, 0],
  ['clock_nanosleep', 230, 0, 0, PAGE],
  ['pread64', 17, FD, PAGE, PAGE, PAGE],
  ['fstat', 5, FD, PAGE],
  ['newfstatat', 262, AT_FDCWD, PAGE, PAGE, 0],
  ['mmap', 9, 0, 1 << 27, 0, NORESERVE, NO_FD, 0],
  ['mmap', 9, 0, 1 << 18, READ_WRITE, PRIVATE | 0x20, NO_FD, 0],
  ['mprotect', 10, PAGE, PAGE, READ_WRITE],
  ['mprotect', 10, PAGE, 1 << 20, 0],
  ['brk', 12, 0],
  ['mremap', 25, PAGE, PAGE, 2 * PAGE, 1],
  ['madvise', 28, PAGE, PAGE, 4],
  ['sched_getaffinity', 204, 0, 32, PAGE],
];

const call = ([name, number, ...args]: Row, dispensable: boolean): NeededCall => ({
  name,
  number,
  args: args.map(BigInt),
  dispensable,
});

/** @param loads does it load a patch, and not only take one back? */
export function neededCalls(control: CloneArguments, loads: boolean): NeededCall[] {
  const { clone_flags, helper_stack, tid_address, helper_tls } = control;
  return [
    call(['clone', 56, clone_flags, helper_stack, 0, tid_address, helper_tls], false),
    ...NEEDED.map((row) => call(row, false)),
    ...LOADING.map((row) => call(row, !loads)),
    ...TRIED.map((row) => call(row, true)),
  ];
}
