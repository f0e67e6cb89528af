/**
 * Is a patch applied in a process, and which threads see it already? Reads memory; stops nobody.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Tid } from '@ulp/core';
import type { Metadata } from '@ulp/metadata';
import {
  now,
  readUniverses,
  type Claim,
  type Mapping,
  type Patch,
  type Process,
} from '@ulp/ptrace-ffi';
import { examine, type TargetProcess } from '../examine/target';

export type PatchState = 'applied' | 'reverted' | 'absent';

export interface CheckedThread {
  readonly tid: Tid;
  readonly name: string;
  /** One letter, as Thread.state. */
  readonly state: string;
  /**
   * It sees the state that the process has now; a thread that has not migrated finishes what it
   * began.
   */
  readonly migrated: boolean;
  /**
   * Its calls into target libraries: under way, suspended, or left by a jump that may yet be
   * undone.
   */
  readonly inside: readonly Claim[];
}

export interface Check {
  /** reverted: no thread that enters sees it, but it is still in memory. */
  readonly state: PatchState;
  /** The universe that its state began with; 0 when absent. */
  readonly universe: number;
  /** Nobody is inside any more since before. */
  readonly migrated: boolean;
  readonly threads: readonly CheckedThread[];
  /** Suspended calls since before, of threads that have ended: they may go on in another one. */
  readonly suspended: readonly Claim[];
  /**
   * More threads were pinned than are noted: one that seems to be outside may be inside for good.
   */
  readonly incomplete: boolean;
}

/** @throws UlpError runtime-*, library-*, build-id-mismatch, process-* */
export function checkPatch(process: Process, metadata: Metadata, maps?: readonly Mapping[]): Check {
  return look(examine(process, metadata, maps), metadata);
}

/** Waiting between two looks, in times of what a look takes. */
const PAUSE_SHARE = 4;

/**
 * Waits until every thread has migrated to the patch, or it is not applied, or time is up.
 * @param timeoutMs 0 looks once
 */
export async function awaitMigration(
  process: Process,
  metadata: Metadata,
  timeoutMs: number,
): Promise<Check> {
  const end = now() + timeoutMs;
  const target = examine(process, metadata);
  for (let turn = 0; ; turn++) {
    const begin = now();
    const check = look(target, metadata);
    if (check.state !== 'applied' || check.migrated || now() >= end) return check;
    // A look at thousands of threads takes long: then less often, so that waiting costs little.
    const pause = Math.max(turn < 50 ? 1 : 10, PAUSE_SHARE * (now() - begin));
    await delay(Math.min(pause, Math.max(1, end - now())));
  }
}

const ABSENT: Check = {
  state: 'absent',
  universe: 0,
  migrated: true,
  threads: [],
  suspended: [],
  incomplete: false,
};

function look({ runtime, targets }: TargetProcess, metadata: Metadata): Check {
  const patch = latest(runtime.patches().filter((p) => p.id === metadata.id));
  if (!patch) return ABSENT;
  const universe = patch.reverted ?? patch.universe;
  const { threads, ownerless, incomplete } = readUniverses(
    runtime,
    targets.map(({ library }) => library),
  );
  const isBehind = (claim: Claim): boolean =>
    claim.inside && (claim.universe === undefined || claim.universe < universe);
  const checked = threads.map(({ thread: { tid, name, state }, claims }) => ({
    tid,
    name,
    state,
    migrated: !claims.some(isBehind),
    inside: claims.filter((claim) => claim.inside),
  }));
  const suspended = ownerless.filter(isBehind);
  return {
    state: patch.state === 'applied' ? 'applied' : 'reverted',
    universe,
    migrated: !incomplete && suspended.length === 0 && checked.every((thread) => thread.migrated),
    threads: checked,
    suspended,
    incomplete,
  };
}

/** An applied entry before a reverted one of the same patch; a pending one does not count yet. */
function latest(patches: readonly Patch[]): Patch | undefined {
  return (
    patches.find((patch) => patch.state === 'applied') ??
    patches.find((patch) => patch.state === 'reverted')
  );
}
