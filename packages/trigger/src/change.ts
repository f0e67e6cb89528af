/** Applying and reverting a patch in one process. */
import { setTimeout as delay } from 'node:timers/promises';
import { abi, isUlpError, UlpError, type ErrorCode } from '@ulp/core';
import type { Metadata } from '@ulp/metadata';
import {
  checkedUniverse,
  now,
  readUniverses,
  type LiveLibrary,
  type Patch,
  type Process,
} from '@ulp/ptrace-ffi';
import { requireMemory } from './cgroups';
import { finishUnfinished, isIdle, perform, type Answer, type Earlier } from './perform';
import { requirePatchFile } from './patch-file';
import { requireReachable, requireUntraced } from './reachable';
import { encodeCollect, encodeRequest } from './request';
import { appliedPatch, examine, oldFunction, requireEntries, type TargetProcess } from './target';

export type Action = 'apply' | 'revert';

/** Change.earlier in words. */
export const EARLIER: Readonly<Record<Earlier, string>> = {
  finished: 'an earlier request was unfinished and has been finished',
  dropped: 'an earlier request was unfinished, could not be finished and has been dropped',
};

export interface ChangeOptions {
  /** For everything together, in ms. */
  readonly timeoutMs: number;
  /** Only find out what would be done. */
  readonly dryRun?: boolean;
}

export interface Replacement {
  readonly library: string;
  readonly oldName: string;
  readonly newName: string;
  /** Of the old function, in the process. */
  readonly address: bigint;
}

export interface Change {
  readonly action: Action;
  /** Was, or in a dry run would be, anything changed? */
  readonly changed: boolean;
  /** The universe that began; 0 when nothing was changed. */
  readonly universe: number;
  /** Reverted patches that stay in memory, because threads are still inside. */
  readonly retained: number;
  /** What another tool had left came to its end first; null: nothing was left. */
  readonly earlier: Earlier | null;
  readonly replacements: readonly Replacement[];
}

/**
 * What a control group must have left, in bytes: several times of what a change takes besides the
 * patch.
 */
const MEMORY: Readonly<Record<Action, number>> = { apply: 1 << 20, revert: 1 << 18 };
/** How long another tool may borrow a thread while a dry run looks, in ms. */
const PATIENCE_MS = 100;
/** How long a reverted patch is waited for at most, in ms, so that it can be unloaded. */
const UNLOAD_MS = 1000;

/** @throws UlpError; see examine, requirePatchFile and perform */
export function applyPatch(
  process: Process,
  metadata: Metadata,
  options: ChangeOptions,
): Promise<Change> {
  return change('apply', process, metadata, options);
}

/** @throws UlpError; see examine and perform */
export function revertPatch(
  process: Process,
  metadata: Metadata,
  options: ChangeOptions,
): Promise<Change> {
  return change('revert', process, metadata, options);
}

async function change(
  action: Action,
  process: Process,
  metadata: Metadata,
  { timeoutMs, dryRun = false }: ChangeOptions,
): Promise<Change> {
  const deadline = now() + timeoutMs;
  const first = examine(process, metadata);
  // Without a helper nobody is at work. What is the matter is said where one is needed.
  const hasHelper = !(first.control.flags & abi.RUNTIME_FLAG.noHelper);
  const busy = !dryRun && hasHelper && !isIdle(process, first.runtime);
  if (busy) requireReachable(process, first.control);
  const earlier = busy ? await finishUnfinished(process, first.runtime, deadline) : null;
  const target = busy ? examine(process, metadata) : first;
  const needed = action === 'apply' ? checkApply(target, metadata) : checkRevert(target, metadata);
  const unchanged = {
    action,
    changed: false,
    universe: 0,
    retained: retained(target.patches),
    earlier,
    replacements: replacements(target, metadata),
  };
  if (needed) {
    requireReachable(process, target.control);
    requireMemory(process, MEMORY[action] + (action === 'apply' ? metadata.patch.size : 0));
  }
  if (needed && dryRun) requireUntraced(process, PATIENCE_MS);
  if (dryRun) return { ...unchanged, changed: needed };
  if (!needed)
    return action === 'apply'
      ? unchanged
      : { ...unchanged, retained: await unload(target, deadline) };
  const { libraries } = target;
  const request = encodeRequest({ operation: abi.OPERATION[action], metadata, libraries });
  const answer = await perform(process, target.runtime, request, deadline);
  throwIfRefused(process, metadata, answer);
  return {
    ...unchanged,
    changed: answer.result === abi.RESULT.ok,
    universe:
      answer.result === abi.RESULT.ok ? checkedUniverse(process.subject, answer.universe) : 0,
    retained: action === 'apply' ? answer.retained : await unload(target, deadline),
    earlier: earlier ?? answer.earlier,
  };
}

/** @returns whether there is anything to do */
function checkApply(target: TargetProcess, metadata: Metadata): boolean {
  const { process, patches } = target;
  if (appliedPatch(patches, metadata.id)) return false;
  requireEntries(target, metadata);
  for (const id of metadata.dependencies)
    if (!appliedPatch(patches, id))
      throw new UlpError('dependency-missing', {
        subject: process.subject,
        expected: `patch ${id}`,
      });
  requirePatchFile(process, metadata);
  return true;
}

/** @returns whether there is anything to do */
function checkRevert({ process, patches }: TargetProcess, metadata: Metadata): boolean {
  if (!appliedPatch(patches, metadata.id)) return false;
  const dependent = patches.find(
    (p) => p.state === 'applied' && p.dependencies.includes(metadata.id),
  );
  if (dependent)
    throw new UlpError('dependency-needed', {
      subject: process.subject,
      found: `patch ${dependent.id}, ${dependent.path}`,
      detail: 'revert that one first',
    });
  return true;
}

function replacements(target: TargetProcess, { targets }: Metadata): Replacement[] {
  return targets.flatMap((t, i) => {
    const library = target.libraries[i] as LiveLibrary;
    return t.functions.map((pair) => ({
      library: library.image.path,
      oldName: pair.oldName,
      newName: pair.newName,
      address: oldFunction(library, pair),
    }));
  });
}

/** What the helper may refuse; the rest no helper of ours says about a request of ours. */
const REFUSALS: Readonly<Record<number, ErrorCode>> = {
  [abi.RESULT.libraryChanged]: 'library-not-patchable',
  [abi.RESULT.loadFailed]: 'patch-refused',
  [abi.RESULT.patchChanged]: 'patch-refused',
  [abi.RESULT.dependencyMissing]: 'dependency-missing',
  [abi.RESULT.dependencyNeeded]: 'dependency-needed',
  [abi.RESULT.tableFull]: 'patch-refused',
  [abi.RESULT.noMemory]: 'patch-refused',
  [abi.RESULT.codeUnwritable]: 'process-unsupported',
  [abi.RESULT.barrierDenied]: 'process-unsupported',
  [abi.RESULT.cancelled]: 'timed-out',
};

/** How the loader of glibc says that it gets no memory. */
const LOADER_IS_SHORT = /out of memory|failed to map segment from shared object$/;

function throwIfRefused(process: Process, metadata: Metadata, { result, message }: Answer): void {
  if (result === abi.RESULT.ok || result === abi.RESULT.unchanged) return;
  const code = REFUSALS[result];
  const subject = `${process.subject}: ${metadata.patch.path}`;
  if (!code)
    throw new UlpError('process-hostile', {
      subject,
      expected: 'an answer of the helper',
      found: `result ${result}`,
      detail: message || 'no message',
    });
  const isShort = result === abi.RESULT.noMemory || LOADER_IS_SHORT.test(message);
  const advice = isShort ? 'perhaps a limit (RLIMIT_AS, RLIMIT_DATA): raise it; ' : '';
  throw new UlpError(code, { subject, detail: `${message}; ${advice}nothing was changed` });
}

const retained = (patches: readonly Patch[]): number =>
  patches.filter((patch) => patch.state === 'reverted').length;

/**
 * Waits, from outside, until no thread is inside with an older universe, then has what is out of
 * use freed. The revert itself is done: nothing here makes it a failure.
 * @returns how many reverted patches stay
 */
async function unload(target: TargetProcess, deadline: number): Promise<number> {
  const { process, runtime, libraries } = target;
  const left = (): number => retained(runtime.patches());
  const end = Math.min(deadline, now() + UNLOAD_MS);
  const isHeld = (): boolean => {
    const current = runtime.readUniverse();
    const { threads, ownerless } = readUniverses(runtime, libraries);
    return [...threads.flatMap((t) => t.claims), ...ownerless].some(
      (claim) => claim.inside && (claim.universe === undefined || claim.universe < current),
    );
  };
  try {
    while (left() > 0 && isHeld() && now() < end) await delay(2);
    if (left() === 0 || isHeld()) return left();
    requireReachable(process, target.control);
    await perform(process, runtime, encodeCollect(), Math.min(deadline, now() + UNLOAD_MS));
    return left();
  } catch (error) {
    if (isUlpError(error) && error.code !== 'defect' && error.code !== 'process-ended')
      return error.code === 'process-missing' ? 0 : left();
    throw error;
  }
}
