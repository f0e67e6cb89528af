/**
 * The one description of everything that a live-patchable library, libpulp.so and the tools share:
 * the layout of the padding before a function, the notes, and the structures in a process's memory.
 * `ulp_abi.h` of the runtime is generated from this file (see abi-header.ts); docs/abi.md explains
 * it.
 */
import { array, bytes, field, i32, struct, text, u32, u64, u8, type Value } from './codec';

/** Changes when any layout or meaning below changes. Every tool refuses another one. */
export const ABI_VERSION = 4;

/**
 * The bytes around a function symbol S, built with -fpatchable-function-entry=98,96 and then gated.
 * Offsets are from S - PADDING. E, the entry byte, is S, or S+4 after an endbr64.
 *
 *    0  trampoline: see packages/elf/src/gate/trampoline.ts
 *   68  selector:   cmpl $U,%fs:tpoff+8; jl E+2; jmp *new(%rip)
 *                   one version, one target library
 *   88  chain jump: jmp *slot(%rip)       to an out-of-line stub: all else
 *   94  two bytes that nothing uses
 *   96  S: [endbr64]
 *    E: a8 dd  test $dd,%al     at rest: touches nothing but flags, which are dead at a function's
 *                               entry
 *       eb dd  jmp E+2+dd       detoured: to the selector or to the chain jump
 *
 * Only one byte of code ever changes under running threads: a8 <-> eb, or dd.
 */
export const PADDING = {
  /** M of -fpatchable-function-entry=N,M, in bytes. */
  before: 96,
  /** N - M: the entry instruction. */
  after: 2,
  trampoline: 0,
  trampolineSize: 68,
  selector: 68,
  selectorSize: 20,
  chainJump: 88,
  chainJumpSize: 6,
} as const;

/** First byte of the entry instruction. */
export const ENTRY = { rest: 0xa8, detoured: 0xeb } as const;

/** Owner name of our notes in PT_NOTE (without the NUL that ends it in the file). */
export const NOTE_OWNER = 'ULP';
export const NOTE_TYPE = { library: 1, runtime: 2 } as const;

/** State of a live-patchable library, in its note: set to `gated` by ulp-dynsym-gate. */
export const GATE = { linked: 0, gated: 1 } as const;

/**
 * What a live-patchable library has; bits of its note. A reader ignores bits that it does not know.
 */
export const FEATURE = {
  /** Some functions were left without tracking on purpose. Reserved: nothing sets it yet. */
  untracked: 1,
  /** Its first constructor calls __ulp_library_begins, its last destructor __ulp_library_ends. */
  hooks: 2,
} as const;

/**
 * Note type 1, in a live-patchable library: comes with trm.o, is completed by ulp-dynsym-gate or by
 * ld -z ulp. A tool that moves the note in the file (patchelf) makes `distance` wrong, and leaves
 * `library` right.
 */
export const ulp_note_library = struct('ulp_note_library', {
  abi: field(u32, 'ABI_VERSION'),
  gate: field(u32, 'GATE.*'),
  features: field(u32, 'FEATURE.*'),
  padding: field(u32, 'PADDING.before of the build'),
  distance: field(i32, 'in bytes from this field to the ulp_library, as ld has laid them out'),
  reserved: field(u32, '0'),
  library: field(u64, 'link address of the ulp_library, by the gate; 0 before'),
});

/** Note type 2, in libpulp.so. */
export const ulp_note_runtime = struct('ulp_note_runtime', {
  abi: field(u32, 'ABI_VERSION'),
  control_size: field(u32, 'size of ulp_control in bytes'),
  control: field(i32, 'distance in bytes from this field to the ulp_control'),
});

/** 'ULPLIB' and 'ULPCTL' as little-endian u64, version 1. */
export const MAGIC = { library: 0x0001_42494c504c55n, control: 0x0001_4c5443504c55n } as const;

/** In every live-patchable library (trm.S): what the loader resolved. One a library. */
export const ulp_library = struct('ulp_library', {
  magic: field(u64, 'MAGIC.library'),
  abi: field(u32, 'ABI_VERSION'),
  size: field(u32, 'of this struct'),
  tpoff_way: field(bytes(8), 'the way to tpoff: see tlsOffset below'),
  entry: field(u64, 'address of __ulp_entry'),
  global_way: field(
    i32,
    'distance in bytes from this field to a u64: address of __ulp_global, which is ulp_control.universe; 0 without libpulp.so',
  ),
  flags: field(u32, 'reserved, 0'),
  reserved: field(array(u64, 3), '0'),
});

/**
 * tpoff, a negative number: the ulp_tls of a thread lies at its fs base + tpoff (modulo 2^64). The
 * descriptor has the instruction by which code would load it, so that ld resolves it as it resolves
 * code:
 *
 *   48 8b 05 d32 00   movq d32(%rip), %rax   in a library: `place` of a GOT word, at a distance
 *                                            from d32 itself
 *   48 c7 c0 i32 00   movq $i32, %rax        in a program: `value`
 */
export const tlsOffset = (
  library: bigint,
  { tpoff_way }: Pick<UlpLibrary, 'tpoff_way'>,
): { readonly place: bigint } | { readonly value: bigint } | undefined => {
  const way = Buffer.from(tpoff_way);
  const number = way.readInt32LE(TPOFF_NUMBER);
  switch (way.toString('hex', 0, TPOFF_NUMBER)) {
    case '488b05':
      return { place: library + BigInt(ulp_library.offset.tpoff_way + TPOFF_NUMBER + number) };
    case '48c7c0':
      return { value: BigInt.asUintN(64, BigInt(number)) };
    default:
      return undefined;
  }
};
const TPOFF_NUMBER = 3;

/*
 * Universes. A process has one number that only grows: its universe. A change (apply or revert)
 * takes the next number for all functions that it changes. A thread copies the number when it
 * enters a library from outside, and keeps the copy until it leaves the library. Each version of a
 * patched function carries the number of its change, and a thread runs the newest version whose
 * number is not above its own:
 *
 *   f in the library (original)   f2, universe 2   f3, universe 3
 *   a thread that entered in universe 2 runs f2, until it has left, though f3 is there
 *
 * So all functions of a change switch together, for one thread at a time, and no thread is stopped
 * for it. One store of the process's number is the commit of a change. A thread that is outside has
 * no number: it counts as newest, because it will copy the newest one.
 */

/**
 * Universes are numbered from this one on, which people see as 0: `universe - UNIVERSE_BASE`. In 32
 * bits they are negative numbers, which grow, and outside compares as newest.
 */
export const UNIVERSE_BASE = 0x8000_0000;
/** Universe of a thread that is outside. A block of zeros says so. */
export const UNIVERSE_OUTSIDE = 0;
/** sp of a thread that is inside by calls each of which has a slot of its own (SLOT.contested). */
export const SP_CONTESTED = 1n;
/** sp of a thread that is inside for good, in the universe it has. */
export const SP_PINNED = 0xffff_ffff_ffff_ffffn;

/**
 * Initial-exec TLS block of trm.S: one a thread and library. All zero before the thread's first
 * entry. `low` and `high` bound what a trampoline decides by comparing addresses: a call is nested
 * without asking if low <= rsp < sp, and outermost without asking if rsp < high. So 0 and 0 ask at
 * an outermost entry, 0 and 2^64 - 1 never ask.
 */
export const ulp_tls = struct('ulp_tls', {
  sp: field(
    u64,
    '0: outside; SP_*; else address of the stack word that held the return address: the claim',
  ),
  universe: field(u32, 'taken at the outermost entry; UNIVERSE_OUTSIDE outside'),
  flags: field(u32, 'reserved, 0'),
  code: field(u64, "this thread's return slot; 0: none"),
  library: field(u64, 'address of the ulp_library; 0 before the first entry'),
  low: field(u64, 'lowest stack pointer of the stack that the thread is known to be on'),
  high: field(u64, 'end of that stack; 0: ask'),
});

/** A return slot's state. */
export const SLOT = {
  free: 0,
  used: 1,
  limbo: 2,
  held: 3,
  orphan: 4,
  late: 5,
  contested: 6,
} as const;
/**
 * Places in a slot's code: the universe lies on the stack, where a thread comes in that has its
 * universe already, behind the popq of the return address, the return point (what lies on the
 * stack), behind its pushq.
 */
export const SLOT_CODE = { universe: 6, claimed: 11, popped: 29, return: 32, pushed: 38 } as const;
export const SLOT_COUNT = 16384;
/** Stride in bytes of a slot's code and of its record. */
export const SLOT_STRIDE = 64;

/**
 * The record of a return slot, in libpulp.so. Record k belongs to the code at
 * slots + k * SLOT_STRIDE.
 */
export const ulp_slot = struct('ulp_slot', {
  ret: field(u64, 'the return address of the outermost call'),
  tls: field(u64, "the owner's ulp_tls; &junk_sp while the slot is in limbo"),
  junk_sp: field(
    u64,
    'sp, universe and flags that an abandoned call leaves when it returns; 0 then',
  ),
  junk_universe: field(u32, 'the universe of the abandoned call'),
  junk_flags: field(u32, ''),
  saved_sp: field(u64, 'sp of the abandoned call'),
  library: field(u64, 'address of the ulp_library'),
  next: field(u32, "1 + number of the thread's next slot; 0: none"),
  moves: field(u32, 'counts when its call begins to go into limbo, or out of it'),
  tid: field(u32, "the owner's thread id in the target's pid namespace"),
  state: field(u32, 'SLOT.*'),
});

/** A thread that is inside a library for good, because no return slot was left for it. */
export const ulp_pin = struct('ulp_pin', {
  tls: field(u64, 'its ulp_tls; 0: a free entry'),
  library: field(u64, 'address of the ulp_library'),
  tid: field(u32, "its thread id in the target's pid namespace; 0: being written"),
  universe: field(u32, 'in which it is; 0: the one in its block'),
});

/**
 * State of the helper, low byte of ulp_control.state; the rest is a sequence number.
 *
 *   done, failed -> requested   a tool, request written first, when *tid_address is 0
 *   requested    -> launched    the gadget, by compare and exchange
 *   requested    -> done        a tool that holds the lock and drops a request nobody launched
 *   launched     -> running     the helper, by compare and exchange
 *   launched     -> failed      the gadget, when clone failed; a tool with the lock, when the
 *                               gadget faulted
 *   running      -> done        the helper
 */
export const STATE = { done: 1, requested: 2, launched: 3, running: 4, failed: 5 } as const;

/**
 * How far the helper has got with sequence number `phase >> 8`. `committing` is stored, with a full
 * barrier, before `cancel` is read for the last time; a tool stores `cancel`, then reads `phase`:
 * one of the two sees the other.
 */
export const PHASE = { idle: 0, preparing: 1, committing: 2, committed: 3, cancelled: 4 } as const;

export const OPERATION = { apply: 1, revert: 2, collect: 3 } as const;

/** Result of a request. `message` says more. Unlisted numbers are defects. */
export const RESULT = {
  ok: 0,
  /** Nothing to do: applied already, or not applied. */
  unchanged: 1,
  badRequest: 2,
  cancelled: 3,
  libraryChanged: 4,
  loadFailed: 5,
  patchChanged: 6,
  dependencyMissing: 7,
  dependencyNeeded: 8,
  tableFull: 9,
  noMemory: 10,
  codeUnwritable: 11,
  barrierDenied: 12,
} as const;

export const LIMIT = {
  patches: 256,
  dependencies: 16,
  targets: 64,
  functions: 4096,
  pathBytes: 1024,
  messageBytes: 512,
  /** Threads that are known to be inside without a return slot. */
  pins: 256,
  requestBytes: 1 << 20,
} as const;

export const PATCH_ID_SIZE = 32;
/** Longest build-id that is compared, in bytes; shorter ones are padded with zero. */
export const BUILD_ID_SIZE = 32;

/** State of an entry of the patch table. */
export const PATCH = { free: 0, live: 1 } as const;

/**
 * A patch in the process. It is applied when state is live, universe <= control.universe, and
 * reverted is 0 or > control.universe. A reverted one stays in the table until it is unloaded.
 */
export const ulp_patch = struct('ulp_patch', {
  id: field(bytes(PATCH_ID_SIZE), 'patch id of the metadata'),
  state: field(u32, 'PATCH.*'),
  function_count: field(u32, 'functions it replaces'),
  universe: field(u64, 'number of the universe that it began'),
  reverted: field(u64, 'number of the universe that ended it; 0 while applied'),
  handle: field(u64, 'of dlopen'),
  base: field(u64, 'load bias of the patch .so'),
  end: field(u64, 'end of its mapping'),
  dependency_count: field(u32, 'used entries of dependencies'),
  target_count: field(u32, 'used entries of targets'),
  dependencies: field(
    array(bytes(PATCH_ID_SIZE), LIMIT.dependencies),
    'ids of patches that it needs',
  ),
  targets: field(array(u64, LIMIT.targets), 'addresses of the ulp_library of each target'),
  applied_at: field(u64, 'CLOCK_REALTIME of the tool in nanoseconds; 0: not known'),
  applied_uid: field(u32, "the tool's effective user id"),
  applied_pid: field(u32, "the tool's process id, in its own pid namespace"),
  flags: field(u32, 'reserved, 0'),
  slot_count: field(u32, 'reserved, 0: slots that were filled (metadata format 2)'),
  reserved: field(array(u64, 13), '0'),
  path: field(text(LIMIT.pathBytes), 'of the patch .so, as the target sees it'),
});

/** The runtime's face to the tools. Found through note type 2. All addresses are the target's. */
export const ulp_control = struct('ulp_control', {
  magic: field(u64, 'MAGIC.control, stored last by the constructor'),
  abi: field(u32, 'ABI_VERSION'),
  size: field(u32, 'of this struct'),
  flags: field(u32, 'RUNTIME_FLAG.*'),
  pid: field(u32, 'pid that initialised it, in its own pid namespace'),
  reserved0: field(array(u64, 5), 'fills a cache line'),

  universe: field(u64, '__ulp_global: read at every outermost entry; written by the helper alone'),
  reserved1: field(array(u64, 7), 'fills a cache line'),

  state: field(u64, 'sequence << 8 | STATE.*'),
  cancel: field(u64, 'sequence number of a request that its tool has given up'),
  phase: field(u64, 'sequence << 8 | PHASE.*'),
  result: field(u32, 'RESULT.* of the last request'),
  retained: field(u32, 'reverted patches that could not be unloaded yet, after the last request'),
  result_universe: field(u64, 'universe that the last request began, or 0'),
  patches_used: field(
    u64,
    'so many entries of the patch table, from the first one on, were ever used',
  ),
  repeat: field(u64, 'address behind the system call that a ulp_repeat_frame is for'),
  reserved2: field(u64, 'fills a cache line'),

  gadget: field(u64, 'address of the launch gadget'),
  gadget_end: field(u64, 'first address behind it'),
  helper_stack: field(u64, 'top of the stack of the helper, for clone'),
  helper_tls: field(u64, 'fs base of the helper, for clone'),
  tid_address: field(u64, 'CLONE_CHILD_CLEARTID word: 0 when no helper lives'),
  fake_tid: field(u32, 'what the tool stores there before it launches'),
  clone_flags: field(u32, 'for clone'),

  request: field(u64, 'address of the request buffer'),
  request_size: field(u64, 'its size in bytes'),
  patches: field(u64, 'address of ulp_patch[LIMIT.patches]'),
  slots: field(u64, 'address of the code of slot 0'),
  slot_records: field(u64, 'address of ulp_slot[SLOT_COUNT]'),
  slot_map: field(u64, 'address of a bitmap of SLOT_COUNT bits: 1 = taken'),
  slots_exhausted: field(u64, 'times that no slot was free'),
  pins: field(u64, 'address of ulp_pin[LIMIT.pins]'),
  pins_lost: field(u64, 'threads that found no entry there: nothing is unloaded any more'),
  claims_healed: field(u64, 'outermost calls found gone without having returned'),
  reserved3: field(array(u64, 22), '0'),

  message: field(
    text(LIMIT.messageBytes),
    'of the last request, in English; empty if it went well',
  ),
});

/** Why the runtime cannot be used although it is loaded. */
export const RUNTIME_FLAG = {
  /** The helper thread could not be made (for instance: RLIMIT_NPROC, seccomp). */
  noHelper: 1,
  /** membarrier(2) is denied or unknown. */
  noMembarrier: 2,
  /** Shadow stacks are on: the way back of the borrowed thread would fault. */
  shadowStack: 4,
  /** It stands behind libc in the lookup order: it sees no longjmp and no swapcontext. */
  late: 8,
  /** valgrind runs the code of the process: what the helper does would be nothing to it. */
  interpreted: 16,
} as const;

/**
 * Of the request alone: a helper refuses another one. What is reserved is 0, or it is refused as
 * well.
 */
export const REQUEST_VERSION = 1;

/** What a tool writes into the request buffer: header, targets, functions, dependencies, path. */
export const ulp_request = struct('ulp_request', {
  version: field(u32, 'REQUEST_VERSION'),
  operation: field(u32, 'OPERATION.*'),
  length: field(u32, 'of the whole request in bytes'),
  flags: field(u32, 'reserved, 0'),
  time: field(u64, 'CLOCK_REALTIME of the tool in nanoseconds'),
  uid: field(u32, "the tool's effective user id"),
  pid: field(u32, "the tool's process id, in its own pid namespace"),
  patch_id: field(bytes(PATCH_ID_SIZE), 'patch id of the metadata'),
  patch_build_id: field(bytes(BUILD_ID_SIZE), 'build-id that the loaded patch .so must have'),
  patch_build_id_size: field(u32, 'its length in bytes'),
  target_count: field(u32, 'number of ulp_request_target'),
  function_count: field(u32, 'number of ulp_request_function'),
  dependency_count: field(u32, 'number of patch ids'),
  targets: field(u32, 'offset in the request, in bytes'),
  functions: field(u32, 'the same'),
  dependencies: field(u32, 'the same'),
  path: field(u32, 'the same; NUL-terminated'),
  slot_count: field(u32, 'reserved, 0: number of slots (metadata format 2)'),
  slots: field(u32, 'reserved, 0: their offset'),
  reserved: field(array(u64, 6), '0'),
});

export const ulp_request_target = struct('ulp_request_target', {
  library: field(u64, 'address of its ulp_library'),
  reserved: field(u64, '0'),
});

export const ulp_request_function = struct('ulp_request_function', {
  old_function: field(u64, 'address of S, the old function'),
  new_function: field(u64, 'link address of the new function in the patch .so'),
  target: field(u32, 'index of its target'),
  entry_offset: field(u8, 'E - S: 0, or 4 behind an endbr64'),
  reserved: field(bytes(3), '0'),
});

/**
 * What the tool builds on the borrowed thread's stack, below the red zone, before it sends the
 * thread into the gadget: all that the gadget's tail needs to put the thread back by itself. Lies
 * at rsp - 280; its `rip` at rsp - 136, right below the red zone.
 */
export const ulp_resume_frame = struct('ulp_resume_frame', {
  mask: field(u64, 'signal mask to restore'),
  restart: field(u64, '512 or 514: the system call restarts unless a handler is pending; else 0'),
  r15: field(u64, ''),
  r14: field(u64, ''),
  r13: field(u64, ''),
  r12: field(u64, ''),
  r11: field(u64, ''),
  r10: field(u64, ''),
  r9: field(u64, ''),
  r8: field(u64, ''),
  rbp: field(u64, ''),
  rdi: field(u64, ''),
  rsi: field(u64, ''),
  rdx: field(u64, ''),
  rcx: field(u64, ''),
  rbx: field(u64, ''),
  rax: field(u64, ''),
  eflags: field(u64, ''),
  rip: field(u64, 'where the thread goes on'),
});

/**
 * Random, between the two frames of a borrowed thread: by it the tool knows the thread's memory
 * again.
 */
export const TOKEN_BYTES = 8;

/**
 * Below the ulp_resume_frame and the token: what a call needs that is repeated with what is left of
 * its time-out, at `repeat` of the gadget. Its rsp points here meanwhile, and the argument to
 * `seconds` if it is a pointer.
 */
export const ulp_repeat_frame = struct('ulp_repeat_frame', {
  r10: field(u64, ''),
  rdx: field(u64, ''),
  r8: field(u64, ''),
  rcx: field(u64, ''),
  rip: field(u64, 'where the thread goes on after the call'),
  seconds: field(u64, 'a timespec: what is left'),
  nanoseconds: field(u64, ''),
});

export type UlpNoteLibrary = Value<typeof ulp_note_library>;
export type UlpNoteRuntime = Value<typeof ulp_note_runtime>;
export type UlpLibrary = Value<typeof ulp_library>;
export type UlpTls = Value<typeof ulp_tls>;
export type UlpSlot = Value<typeof ulp_slot>;
export type UlpPatch = Value<typeof ulp_patch>;
export type UlpControl = Value<typeof ulp_control>;
export type UlpRequest = Value<typeof ulp_request>;
export type UlpRequestFunction = Value<typeof ulp_request_function>;
