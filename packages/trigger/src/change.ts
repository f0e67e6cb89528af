/**
 * Applying and reverting a patch in one process: examine the process, plan, carry the plan out.
 */
import { abi } from '@ulp/core';
import type { Metadata } from '@ulp/metadata';
import { now, type Process } from '@ulp/ptrace-ffi';
import { checkedUniverse } from '@ulp/ptrace-ffi/borrowing';
import { requirePatchFile } from './examine/patch-file';
import { countRetained, examine, readOldFunctions, type TargetProcess } from './examine/target';
import type { Earlier } from './helper/earlier';
import { finishUnfinished, perform } from './helper/perform';
import { throwIfRefused } from './helper/refusal';
import { thisProgram } from './helper/request';
import { unload } from './helper/unload';
import { planChange, type Action, type Replacement } from './plan';

export interface ChangeOptions {
  /** For everything together, in ms. */
  readonly timeoutMs: number;
  /** Only find out what would be done. */
  readonly dryRun?: boolean;
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
  const { target, earlier } = await examineAtRest(process, metadata, deadline, dryRun);
  const plan = planChange(action, target, readOldFunctions(target), metadata, thisProgram());
  if (plan.loads) requirePatchFile(process, metadata);
  const { runtime } = target;
  const answer = plan.isNeeded
    ? await perform(process, runtime, plan, deadline, dryRun)
    : undefined;
  if (answer) throwIfRefused(process, metadata, answer);
  const changed = answer?.result === abi.RESULT.ok;
  const frees = action === 'revert' && !dryRun;
  return {
    action,
    changed: dryRun ? plan.isNeeded : changed,
    universe: changed ? checkedUniverse(process.subject, answer.universe) : 0,
    retained: frees
      ? await unload(target, deadline)
      : (answer?.retained ?? countRetained(target.patches)),
    earlier: earlier ?? answer?.earlier ?? null,
    replacements: plan.replacements,
  };
}

/** The process when no other tool is at work: what one has left comes to its end first. */
async function examineAtRest(
  process: Process,
  metadata: Metadata,
  deadline: number,
  dryRun: boolean,
): Promise<{ readonly target: TargetProcess; readonly earlier: Earlier | null | undefined }> {
  for (let earlier: Earlier | null | undefined; ;) {
    const target = examine(process, metadata);
    if (dryRun || earlier !== undefined) return { target, earlier };
    earlier = await finishUnfinished(process, target.runtime, deadline);
    if (earlier === undefined) return { target, earlier };
  }
}
