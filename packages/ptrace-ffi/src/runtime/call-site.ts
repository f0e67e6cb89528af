/**
 * From where an outermost call was made, while its thread runs.
 *
 * The return address lies in the slot's record, while the claim's word holds the slot's return
 * point. In the few instructions of entry and exit around that, the word holds the return address
 * itself; right after E1 the record still has an earlier call's. And as soon as the thread has
 * left, its word may hold anything. So: claim, record, claim again, until both claims agree and
 * word and record fit each other. A thread may still have left and entered in between: then the
 * address is that of one of these calls.
 */
import { abi, remoteAddress, type RemoteAddress } from '@ulp/core';
import { limboBlock, returnPoint, type Claim, type SlotPlace } from './claims';
import type { Memory } from '../proc/memory';

const TURNS = 8;

/**
 * @returns the return address of the call; undefined: pinned, so unknown; or this is not the claim
 * that
 *   it was: the thread has left, or has entered anew in another universe or from another frame
 */
export function readCallSite(memory: Memory, claim: Claim): RemoteAddress | undefined {
  const { place } = claim;
  if (!place || claim.pinned || !claim.inside) return undefined;
  for (let turn = 0; turn < TURNS; turn++) {
    const before = claimNow(memory, place);
    const record = memory.tryReadStruct(abi.ulp_slot, remoteAddress(place.record));
    const after = claimNow(memory, place);
    if (!before || !record || !after || after.sp !== claim.sp) return undefined;
    if (claim.universe !== undefined && after.universe - abi.UNIVERSE_BASE !== claim.universe)
      return undefined;
    if (before.sp !== after.sp || before.universe !== after.universe || before.word !== after.word)
      continue;
    const { ret } = record;
    if (after.word === returnPoint(place) || after.word === ret) return remoteAddress(ret);
  }
  return undefined;
}

interface ClaimNow {
  readonly sp: bigint;
  readonly universe: number;
  /** What lies at sp. */
  readonly word: bigint;
}

function claimNow(memory: Memory, place: SlotPlace): ClaimNow | undefined {
  const found = place.tls === undefined ? inLimbo(memory, place) : inUse(memory, place, place.tls);
  const word = found && memory.tryRead(remoteAddress(found.sp), 8);
  return found && word && { ...found, word: word.readBigUInt64LE() };
}

function inUse(
  memory: Memory,
  { code }: SlotPlace,
  at: bigint,
): Omit<ClaimNow, 'word'> | undefined {
  const tls = memory.tryReadStruct(abi.ulp_tls, remoteAddress(at));
  return tls?.code === code ? tls : undefined;
}

function inLimbo(memory: Memory, { record }: SlotPlace): Omit<ClaimNow, 'word'> | undefined {
  const slot = memory.tryReadStruct(abi.ulp_slot, remoteAddress(record));
  if (slot?.tls !== limboBlock(record)) return undefined;
  return { sp: slot.saved_sp, universe: slot.junk_universe };
}
