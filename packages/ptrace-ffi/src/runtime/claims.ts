/**
 * Which thread is inside which library, and in which universe: from the return slots and the
 * threads' TLS blocks, while the threads run. A thread that has no slot of a library has never
 * entered it.
 */
import { abi, ByteView, remoteAddress, universe, type Universe } from '@ulp/core';
import type { LiveLibrary } from './live-libraries';
import type { Memory } from '../proc/memory';
import type { Runtime } from './runtime';
import type { Thread } from '../proc/threads';

export interface Claim {
  readonly library: LiveLibrary;
  readonly inside: boolean;
  /** Where it is, while inside. undefined: outside; or just entering, so not known yet. */
  readonly universe: Universe | undefined;
  /** It got no return slot: inside for good, until the thread ends. */
  readonly pinned: boolean;
  /**
   * limbo: the call is suspended. contested: the thread has calls on stacks that nobody has seen it
   * switch to, and this is one of them, running or suspended; its universe stays until all return.
   */
  readonly slot: 'used' | 'limbo' | 'contested' | 'none';
  /** ulp_tls.sp, or where it was when the call went into limbo. */
  readonly sp: bigint;
  /** undefined: pinned, without a return slot. */
  readonly place: SlotPlace | undefined;
}

export interface SlotPlace {
  /** Address of its code. */
  readonly code: bigint;
  /** Address of its record. */
  readonly record: bigint;
  /** Address of the ulp_tls that uses it; undefined: in limbo. */
  readonly tls: bigint | undefined;
}

export interface ThreadClaims {
  readonly thread: Thread;
  /** Libraries that it has entered at least once. */
  readonly claims: readonly Claim[];
}

export interface Universes {
  readonly threads: readonly ThreadClaims[];
  /**
   * Inside, but of no thread that lives: a coroutine whose thread has ended; or a call that a child
   * of vfork began for its parent; or, until the next request, that of a thread that ended by the
   * bare system call.
   */
  readonly ownerless: readonly Claim[];
  /**
   * Slots ran out, and the table of pinned threads too: a thread without a claim may be inside for
   * good.
   */
  readonly incomplete: boolean;
}

export function readUniverses(
  runtime: Runtime,
  libraries: readonly LiveLibrary[],
  threads: readonly Thread[] = runtime.process.threads(),
): Universes {
  const control = runtime.readControl();
  const { memory } = runtime.process;
  const byTid = new Map(
    threads.map((thread) => [thread.targetTid, { thread, claims: [] as Claim[] }]),
  );
  const ownerless: Claim[] = [];
  const retries = { turns: ALL_TURNS };
  const byAddress = new Map<bigint, LiveLibrary>(libraries.map((l) => [l.address, l]));
  for (const { record, code, at } of takenSlots(memory, control)) {
    const library = byAddress.get(record.library);
    if (!library?.descriptor) continue;
    const claim = claimOf(memory, library, { record, code, at }, retries);
    if (!claim) continue;
    const owner = byTid.get(record.tid);
    if (owner) owner.claims.push(claim);
    else if (claim.inside) ownerless.push(claim);
  }
  for (const { tid, claim } of pinnedClaims(memory, libraries, control))
    byTid.get(tid)?.claims.push(claim);
  return { threads: [...byTid.values()], ownerless, incomplete: control.pins_lost !== 0n };
}

interface TakenSlot {
  readonly record: abi.UlpSlot;
  /** Address of its code. */
  readonly code: bigint;
  /** Address of its record. */
  readonly at: bigint;
}

const WORD = 64;

function* takenSlots(memory: Memory, control: abi.UlpControl): Generator<TakenSlot> {
  const map = memory.read(remoteAddress(control.slot_map), abi.SLOT_COUNT / 8, 'the map of slots');
  const { size } = abi.ulp_slot;
  for (let word = 0; word < abi.SLOT_COUNT / WORD; word++) {
    const taken = map.readBigUInt64LE(word * 8);
    if (taken === 0n) continue;
    const first = word * WORD;
    const start = control.slot_records + BigInt(first * size);
    const records = memory.view(remoteAddress(start), WORD * size, 'slot records');
    for (let bit = 0; bit < WORD; bit++) {
      if (((taken >> BigInt(bit)) & 1n) === 0n) continue;
      yield {
        record: abi.ulp_slot.read(records, bit * size),
        code: control.slots + BigInt((first + bit) * abi.SLOT_STRIDE),
        at: start + BigInt(bit * size),
      };
    }
  }
}

/** What a slot's record calls its block while the call is in limbo: a part of itself. */
export const limboBlock = (record: bigint): bigint => record + BigInt(abi.ulp_slot.offset.junk_sp);

const TURNS = 100;
/**
 * Looks at all slots together that another one follows: a process may change them without pause.
 */
const ALL_TURNS = 20_000;

/**
 * The rule of universe_of() in runtime/src/claims.c: a call that is found neither in use nor in
 * limbo may be on its way from the one to the other. undefined: nobody uses the slot.
 */
function claimOf(
  memory: Memory,
  library: LiveLibrary,
  slot: TakenSlot,
  retries: { turns: number },
): Claim | undefined {
  const { code, at } = slot;
  let { record } = slot;
  for (let turn = 0; turn < TURNS && retries.turns > 0; turn++) {
    const claim =
      record.tls === limboBlock(at)
        ? claimInLimbo(memory, library, record, { code, record: at, tls: undefined })
        : claimInUse(memory, library, { code, record: at, tls: record.tls });
    if (claim?.inside) return claim;
    const again = memory.readStruct(abi.ulp_slot, remoteAddress(at), 'a slot record');
    if (again.tls === record.tls && again.moves === record.moves) return claim;
    record = again;
    retries.turns--;
  }
  return {
    library,
    inside: true,
    universe: undefined,
    pinned: false,
    slot: 'limbo',
    sp: record.saved_sp,
    place: { code, record: at, tls: undefined },
  };
}

function claimInUse(
  memory: Memory,
  library: LiveLibrary,
  place: SlotPlace & { readonly tls: bigint },
): Claim | undefined {
  const tls = readBlock(memory, place.tls);
  // The block may be gone with its thread, or belong to another slot by now.
  if (!tls || tls.code !== place.code || tls.library !== library.address) return undefined;
  const inside = tls.sp !== 0n;
  return {
    library,
    inside,
    universe: inside ? known(tls.universe) : undefined,
    pinned: tls.sp === abi.SP_PINNED,
    slot: 'used',
    sp: tls.sp,
    place,
  };
}

/** A call in limbo is alive until it has returned, as long as its stack is there. */
function claimInLimbo(
  memory: Memory,
  library: LiveLibrary,
  record: abi.UlpSlot,
  place: SlotPlace,
): Claim {
  const hasStack = memory.tryRead(remoteAddress(record.saved_sp), 8) !== undefined;
  const inside = record.junk_sp !== 0n && hasStack;
  return {
    library,
    inside,
    universe: inside ? known(record.junk_universe) : undefined,
    pinned: false,
    slot: record.state === abi.SLOT.contested ? 'contested' : 'limbo',
    sp: record.saved_sp,
    place,
  };
}

/** What lies on the stack in place of the return address while the call is under way. */
export const returnPoint = ({ code }: SlotPlace): bigint => code + BigInt(abi.SLOT_CODE.return);

function* pinnedClaims(
  memory: Memory,
  libraries: readonly LiveLibrary[],
  { pins }: abi.UlpControl,
): Generator<{ tid: number; claim: Claim }> {
  const { size } = abi.ulp_pin;
  const table = memory.view(remoteAddress(pins), abi.LIMIT.pins * size, 'the pinned threads');
  for (let k = 0; k < abi.LIMIT.pins; k++) {
    const pin = abi.ulp_pin.read(table, k * size);
    const library = pin.tls && libraries.find((l) => l.address === pin.library);
    const tls = library && readBlock(memory, pin.tls);
    if (!tls || tls.library !== pin.library) continue;
    const claim: Claim = {
      library,
      inside: true,
      universe: known(tls.sp === 0n ? pin.universe : tls.universe),
      pinned: true,
      slot: 'none',
      sp: tls.sp,
      place: undefined,
    };
    yield { tid: pin.tid, claim };
  }
}

/** Read until two reads agree, because its thread may be writing it. */
function readBlock(memory: Memory, address: bigint): abi.UlpTls | undefined {
  const read = (): Buffer | undefined => memory.tryRead(remoteAddress(address), abi.ulp_tls.size);
  let bytes = read();
  for (let turn = 0; bytes && turn < 8; turn++) {
    const again = read();
    if (again?.equals(bytes)) break;
    bytes = again;
  }
  return bytes && abi.ulp_tls.read(new ByteView(bytes, 'an ulp_tls', 'process-hostile'));
}

/**
 * undefined: outside, or not known yet; what no universe has is a block in the middle of a change.
 */
const known = (value: number): Universe | undefined =>
  value < abi.UNIVERSE_BASE ? undefined : universe(value - abi.UNIVERSE_BASE);
