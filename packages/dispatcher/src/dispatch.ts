/**
 * Checks, patches or reverts many processes, one after the other; no failure keeps the next from
 * its turn.
 */
import { isUlpError, type Changed, type ErrorCode } from '@ulp/core';
import type { Metadata } from '@ulp/metadata';
import type { Mapping, Process } from '@ulp/ptrace-ffi';
import { applyPatch, checkPatch, revertPatch, type Earlier, type PatchState } from '@ulp/trigger';

export type Action = 'check' | 'patch' | 'revert';

export interface Result {
  readonly pid: number;
  readonly name: string;
  /** What holds now (in a dry run: before). ended: the process vanished meanwhile. */
  readonly state: PatchState | 'failed' | 'ended';
  readonly changed: boolean;
  /** Does every thread see the state already? */
  readonly migrated: boolean;
  /** What became of what a tool that died had begun; null: nothing was left. */
  readonly earlier: Earlier | null;
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    /** Was anything changed, where that is a question? */
    readonly changed: Changed | null;
  } | null;
}

export interface DispatchOptions {
  /** For each process, in ms. */
  readonly timeoutMs: number;
  readonly dryRun: boolean;
}

/**
 * What the patch came to in one process.
 * @param maps as they were a moment ago, if they are known; a change looks anew
 * @throws UlpError as the commands for one process do
 */
export async function dispatchOne(
  action: Action,
  process: Process,
  metadata: Metadata,
  options: DispatchOptions,
  maps?: readonly Mapping[],
): Promise<Result> {
  const change =
    action === 'check'
      ? undefined
      : await (action === 'patch' ? applyPatch : revertPatch)(process, metadata, options);
  const { state, migrated } = checkPatch(process, metadata, change ? undefined : maps);
  const changed = change?.changed ?? false;
  return {
    pid: process.pid,
    name: process.name,
    state,
    changed,
    migrated,
    earlier: change?.earlier ?? null,
    error: null,
  };
}

/** The same without throwing; a defect of ours is thrown all the same. */
export async function dispatchSafely(
  action: Action,
  process: Process,
  metadata: Metadata,
  options: DispatchOptions,
  maps: readonly Mapping[],
): Promise<Result> {
  try {
    return await dispatchOne(action, process, metadata, options, maps);
  } catch (error) {
    if (!isUlpError(error) || error.exitCode === 70) throw error;
    return {
      pid: process.pid,
      name: process.name,
      state: error.code === 'process-missing' ? 'ended' : 'failed',
      changed: false,
      migrated: false,
      earlier: null,
      error: {
        code: error.code,
        message: error.message,
        changed: error.context.changed ?? null,
      },
    };
  } finally {
    process.close();
  }
}

/** Is every process as the action wants it? Those that have ended do not count. */
export function isSettled(action: Action, results: readonly Result[]): boolean {
  const wanted: readonly Result['state'][] =
    action === 'revert' ? ['reverted', 'absent', 'ended'] : ['applied', 'ended'];
  return results.every(({ state }) => wanted.includes(state));
}
