/**
 * The system calls that Node.js does not offer: ptrace(2), wait4(2), flock(2), kcmp(2),
 * perf_event_open(2), and those that ask a socket of another process, all by libc's syscall(2). The
 * only file in the repository that imports the FFI; loaded as '@ulp/ptrace-ffi/libc', and only when
 * a call is needed.
 *
 * Calls are made while a thread of another process stands still, so they must be short: one
 * prepared CIF, argument slots allocated once, no conversion. A call costs about a microsecond. Of
 * ffi-napi only its bindings are used: what it builds on them takes time to load, and nothing here
 * needs it.
 */
import {
  FFI_CIF_SIZE,
  FFI_DEFAULT_ABI,
  FFI_OK,
  FFI_TYPES,
  ffi_call,
  ffi_prep_cif,
  StaticFunctions,
} from 'ffi-napi/lib/bindings';
import { address, readPointer } from 'ref-napi';

/** As many as registers take, so that functions of fewer arguments can be called as well. */
const ARGUMENTS = 6;
const SLOT = 8;

/**
 * One page for every struct that is passed to the kernel. Its address holds for the process's life.
 */
export const page: Buffer = Buffer.alloc(4096);
export const pageAddress: number = address(page);
/**
 * The same: a DataView reads a number in one step, a Buffer in JavaScript, which is slow until it
 * is compiled.
 */
export const pageView = new DataView(page.buffer, page.byteOffset, page.length);
/** For one seccomp filter of BPF_MAXINSNS instructions. */
export const filterRoom: Buffer = Buffer.alloc(4096 * 8);
export const filterRoomAddress: number = address(filterRoom);
export const filterRoomView = new DataView(
  filterRoom.buffer,
  filterRoom.byteOffset,
  filterRoom.length,
);

const values = Buffer.alloc(ARGUMENTS * SLOT);
const pointers = Buffer.alloc(ARGUMENTS * SLOT);
const result = Buffer.alloc(SLOT);
for (let i = 0; i < ARGUMENTS; i++)
  pointers.writeBigUInt64LE(BigInt(address(values) + i * SLOT), i * SLOT);

const words = new Uint32Array(values.buffer, values.byteOffset, ARGUMENTS * 2);
const returned = new Int32Array(result.buffer, result.byteOffset, 1);

/**
 * Stores an integer argument of at most 53 bits; small negative ones as 64-bit two's complement.
 */
function put(index: number, value: number): void {
  words[2 * index] = value;
  words[2 * index + 1] = Math.floor(value / 0x1_0000_0000);
}

/**
 * Six words in, one word out; after it their types, to which it points. The kernel and libc take
 * from a word what theirs need.
 */
const cif = Buffer.alloc(FFI_CIF_SIZE + ARGUMENTS * SLOT);
const types = cif.subarray(FFI_CIF_SIZE);
for (let i = 0; i < ARGUMENTS; i++)
  types.writeBigUInt64LE(BigInt(address(FFI_TYPES.uint64)), i * SLOT);
if (ffi_prep_cif(cif, ARGUMENTS, FFI_TYPES.uint64, types, FFI_DEFAULT_ABI) !== FFI_OK)
  throw new Error('ffi_prep_cif');

const invoke = (target: Buffer): void => ffi_call(cif, target, result, pointers);

/** A function of libc: dlsym(3) with RTLD_DEFAULT. */
function symbol(name: string): Buffer {
  page.write(`${name}\0`, 'latin1');
  put(0, 0);
  put(1, pageAddress);
  invoke(StaticFunctions.dlsym);
  return readPointer(result, 0, SLOT);
}

/** errno of this thread. Any JavaScript between a call and a look at it may change it. */
const errno = ((): Int32Array => {
  invoke(symbol('__errno_location'));
  const word = readPointer(result, 0, 4);
  return new Int32Array(word.buffer, word.byteOffset, 1);
})();

/** The result of the last call; instead of -1, the negated errno, as the kernel returns it. */
function outcome(): number {
  const value = returned[0] ?? 0;
  return value === -1 ? -(errno[0] ?? 0) : value;
}

const SYSCALL = symbol('syscall');
/** Numbers of arch/x86/entry/syscalls/syscall_64.tbl. */
const SYS = {
  getsockopt: 55,
  wait4: 61,
  flock: 73,
  ptrace: 101,
  perf_event_open: 298,
  kcmp: 312,
  memfd_create: 319,
  statx: 332,
  pidfd_open: 434,
  pidfd_getfd: 438,
} as const;

/**
 * ptrace(2).
 * @param data a number, or the address of a struct in `page`
 * @returns what the kernel returned: 0 or a size, or a negated errno
 */
export function ptrace(request: number, tid: number, address: number, data: number): number {
  put(0, SYS.ptrace);
  put(1, request);
  put(2, tid);
  put(3, address);
  put(4, data);
  invoke(SYSCALL);
  return outcome();
}

const WNOHANG = 1;
const WALL = 0x4000_0000;
const STATUS_AT = page.length - 4;
const status = new Int32Array(page.buffer, page.byteOffset + STATUS_AT, 1);

/**
 * wait4(2) that never blocks, for threads as well as processes.
 * @returns the wait status; undefined when nothing has happened; a negated errno in `error`
 */
export function waitNow(tid: number): { status: number } | { error: number } | undefined {
  put(0, SYS.wait4);
  put(1, tid);
  put(2, pageAddress + STATUS_AT);
  put(3, WNOHANG + WALL);
  put(4, 0);
  invoke(SYSCALL);
  const value = outcome();
  if (value === 0) return undefined;
  return value < 0 ? { error: value } : { status: status[0] ?? 0 };
}

const KCMP_VM = 1;

/**
 * kcmp(2): have two processes one address space?
 * @returns 0 if so, 1 to 3 if not, or a negated errno
 */
export function compareMemory(pid: number, other: number): number {
  put(0, SYS.kcmp);
  put(1, pid);
  put(2, other);
  put(3, KCMP_VM);
  put(4, 0);
  put(5, 0);
  invoke(SYSCALL);
  return outcome();
}

const PERF_FLAG_FD_CLOEXEC = 8;
/**
 * struct perf_event_attr of <linux/perf_event.h>, PERF_ATTR_SIZE_VER1; the page's other structs are
 * far from it.
 */
const ATTR_AT = 1024;
const ATTR = {
  bytes: 72,
  size: 4,
  flags: 40,
  breakpointType: 52,
  breakpoint: 56,
  length: 64,
} as const;
const PERF_TYPE_BREAKPOINT = 5;
const HW_BREAKPOINT_X = 4;
const PINNED_NO_KERNEL_NO_HYPERVISOR = 0b110_0100;

/**
 * perf_event_open(2): counts how often a thread comes to an address in its program.
 * @param at of at most 53 bits
 * @returns a file descriptor that gives the count as 64 bits; or a negated errno
 */
export function countPasses(tid: number, at: number): number {
  const attr = page.subarray(ATTR_AT, ATTR_AT + ATTR.bytes).fill(0);
  attr.writeUInt32LE(PERF_TYPE_BREAKPOINT);
  attr.writeUInt32LE(ATTR.bytes, ATTR.size);
  attr.writeBigUInt64LE(BigInt(PINNED_NO_KERNEL_NO_HYPERVISOR), ATTR.flags);
  attr.writeUInt32LE(HW_BREAKPOINT_X, ATTR.breakpointType);
  attr.writeBigUInt64LE(BigInt(at), ATTR.breakpoint);
  attr.writeBigUInt64LE(BigInt(SLOT), ATTR.length);
  put(0, SYS.perf_event_open);
  put(1, pageAddress + ATTR_AT);
  put(2, tid);
  put(3, -1); // any processor
  put(4, -1); // no group
  put(5, PERF_FLAG_FD_CLOEXEC);
  invoke(SYSCALL);
  return outcome();
}

/** For openTask(): a thread, not a process (Linux 6.9). */
export const PIDFD_THREAD = 0o200;

/**
 * pidfd_open(2).
 * @returns a file descriptor, closed at exec, or a negated errno
 */
export function openTask(tid: number, flags: number): number {
  put(0, SYS.pidfd_open);
  put(1, tid);
  put(2, flags);
  invoke(SYSCALL);
  return outcome();
}

/**
 * pidfd_getfd(2): a duplicate of a descriptor of another task. Closing it may take for ever, if it
 * is the last one by then.
 * @param task of openTask()
 * @returns a file descriptor, closed at exec, or a negated errno
 */
export function takeDescriptor(task: number, fd: number): number {
  put(0, SYS.pidfd_getfd);
  put(1, task);
  put(2, fd);
  put(3, 0);
  invoke(SYSCALL);
  return outcome();
}

const SOL_SOCKET = 1;
/** struct timeval and its size, in the page. */
const TIMEVAL_AT = 2048;
const TIMEVAL_BYTES = 16;
const SIZE_AT = TIMEVAL_AT + TIMEVAL_BYTES;

/**
 * getsockopt(2) of an option that is a time.
 * @returns microseconds, or a negated errno
 */
export function socketTime(fd: number, option: number): number {
  pageView.setInt32(SIZE_AT, TIMEVAL_BYTES, true);
  put(0, SYS.getsockopt);
  put(1, fd);
  put(2, SOL_SOCKET);
  put(3, option);
  put(4, pageAddress + TIMEVAL_AT);
  put(5, pageAddress + SIZE_AT);
  invoke(SYSCALL);
  const value = outcome();
  const [seconds, microseconds] = [0, 8].map((at) => pageView.getBigInt64(TIMEVAL_AT + at, true));
  return value < 0 ? value : Number(seconds) * 1e6 + Number(microseconds);
}

const MFD_CLOEXEC = 1;
const MFD_HUGETLB = 4;
const MFD_HUGE_SHIFT = 26;

/**
 * memfd_create(2): a file in huge pages, of no length yet.
 * @param shift of the size of a page
 * @returns a file descriptor; or a negated errno
 */
export function createHugeFile(shift: number): number {
  page.write('\0');
  put(0, SYS.memfd_create);
  put(1, pageAddress);
  put(2, MFD_CLOEXEC + MFD_HUGETLB + shift * 2 ** MFD_HUGE_SHIFT);
  invoke(SYSCALL);
  return outcome();
}

const AT_EMPTY_PATH = 0x1000;
const AT_STATX_DONT_SYNC = 0x4000;
/** An empty path, and struct statx (256 bytes), in the page. */
const STATX_AT = 2560;
const STATX_DEV_MAJOR = 136;
const STATX_DEV_MINOR = 140;

/**
 * statx(2) with an empty mask: asks nothing of the file system.
 * @returns the device number as /proc/PID/maps has it, `major:minor` in hexadecimal; undefined when
 * it cannot be had
 */
export function deviceOf(fd: number): string | undefined {
  const at = STATX_AT + SLOT;
  page.writeUInt8(0, STATX_AT);
  put(0, SYS.statx);
  put(1, fd);
  put(2, pageAddress + STATX_AT);
  put(3, AT_EMPTY_PATH + AT_STATX_DONT_SYNC);
  put(4, 0);
  put(5, pageAddress + at);
  invoke(SYSCALL);
  if (outcome() < 0) return undefined;
  return [STATX_DEV_MAJOR, STATX_DEV_MINOR]
    .map((field) =>
      pageView
        .getUint32(at + field, true)
        .toString(16)
        .padStart(2, '0'),
    )
    .join(':');
}

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * flock(2): exclusive, without waiting.
 * @returns 0, or a negated errno (EWOULDBLOCK: somebody else holds it)
 */
export function tryLock(fd: number): number {
  put(0, SYS.flock);
  put(1, fd);
  put(2, LOCK_EX + LOCK_NB);
  invoke(SYSCALL);
  return outcome();
}

// The first calls in a process are slow (lazy binding, cold code): let them be these, on a thread
// id that no thread has, and not those made while a thread stands still.
const PTRACE_CONT = 7;
const NOBODY = 0x7fff_ffff;
for (let i = 0; i < 50; i++) {
  ptrace(PTRACE_CONT, NOBODY, 0, 0);
  waitNow(NOBODY);
}
