/** Is a patch applied in a process, and which threads see it already? Reads memory; stops nobody. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Metadata } from '@ulp/metadata';
import {
  now,
  readUniverses,
  type Claim,
  type Mapping,
  type Patch,
  type Process,
} from '@ulp/ptrace-ffi';
import { examine, type TargetProcess } from './target';

export type PatchState = 'applied' | 'reverted' | 'absent';

export interface CheckedThread {
  readonly tid: number;
  readonly name: string;
  /** It sees the state that the process has now; a thread that has not migrated finishes what it began. */
  readonly migrated: boolean;
  /** Target libraries that it is inside of. */
  readonly inside: readonly {
    readonly library: string;
    /** null: just entering. */
    readonly universe: number | null;
    readonly pinned: boolean;
  }[];
}

export interface Check {
  /** reverted: no thread that enters sees it, but it is still in memory. */
  readonly state: PatchState;
  /** The universe that its state began with; 0 when absent. */
  readonly universe: number;
  readonly migrated: boolean;
  readonly threads: readonly CheckedThread[];
}

/** @throws UlpError runtime-*, library-*, build-id-mismatch, process-* */
export function checkPatch(process: Process, metadata: Metadata, maps?: readonly Mapping[]): Check {
  return look(examine(process, metadata, maps), metadata);
}

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
    const check = look(target, metadata);
    if (check.state !== 'applied' || check.migrated || now() >= end) return check;
    await delay(turn < 50 ? 1 : 10);
  }
}

function look({ runtime, libraries }: TargetProcess, metadata: Metadata): Check {
  const patch = latest(runtime.patches().filter((p) => p.id === metadata.id));
  if (!patch) return { state: 'absent', universe: 0, migrated: true, threads: [] };
  const universe = patch.reverted ?? patch.universe;
  const { threads } = readUniverses(runtime, libraries);
  const isBehind = (claim: Claim): boolean =>
    claim.inside && (claim.universe === undefined || claim.universe < universe);
  const checked = threads.map(({ thread, claims }) => ({
    tid: thread.tid,
    name: thread.name,
    migrated: !claims.some(isBehind),
    inside: claims
      .filter((claim) => claim.inside)
      .map(({ library, universe: u, pinned }) => ({
        library: library.image.path,
        universe: u ?? null,
        pinned,
      })),
  }));
  return {
    state: patch.state === 'applied' ? 'applied' : 'reverted',
    universe,
    migrated: checked.every((thread) => thread.migrated),
    threads: checked,
  };
}

/** An applied entry before a reverted one of the same patch; a pending one does not count yet. */
function latest(patches: readonly Patch[]): Patch | undefined {
  return (
    patches.find((patch) => patch.state === 'applied') ??
    patches.find((patch) => patch.state === 'reverted')
  );
}
