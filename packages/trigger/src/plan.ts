/**
 * The plan of a change: from what was examined in the process to what is needed there. Pure: a plan
 * reads and touches nothing. change.ts carries it out; a dry run shows it.
 */
import { abi, UlpError } from '@ulp/core';
import type { Metadata } from '@ulp/metadata';
import { appliedPatch, type OldFunction, type TargetProcess } from './examine/target';
import { encodeRequest, type Asker } from './helper/request';

export type Action = 'apply' | 'revert';

export interface Replacement {
  readonly library: string;
  readonly oldName: string;
  readonly newName: string;
  /** Of the old function, in the process. */
  readonly address: bigint;
}

export interface Plan {
  readonly action: Action;
  /** Is there anything to do? */
  readonly isNeeded: boolean;
  readonly replacements: readonly Replacement[];
  /** The request to the helper. */
  readonly request: Uint8Array;
  /** What the control groups of the process must have left, in bytes. */
  readonly memory: number;
  /** Does the helper load the patch .so? Then it must be the file that was packed. */
  readonly loads: boolean;
}

/** Several times of what a change takes besides the patch, in bytes. */
const MEMORY: Readonly<Record<Action, number>> = { apply: 1 << 20, revert: 1 << 18 };

/**
 * @param functions all old functions of the metadata
 * @throws UlpError library-not-patchable, dependency-missing, dependency-needed, patch-refused
 */
export function planChange(
  action: Action,
  target: TargetProcess,
  functions: readonly OldFunction[],
  metadata: Metadata,
  asker: Asker,
): Plan {
  const isApplied = appliedPatch(target.patches, metadata.id) !== undefined;
  const isNeeded = isApplied !== (action === 'apply');
  if (isNeeded && action === 'apply') requireAppliable(target, functions, metadata);
  if (isNeeded && action === 'revert') requireRevertible(target, metadata);
  const loads = isNeeded && action === 'apply';
  const content = { operation: abi.OPERATION[action], metadata, targets: target.targets };
  return {
    action,
    isNeeded,
    replacements: functions.map(({ library, pair, address }) => ({
      library: library.image.path,
      oldName: pair.oldName,
      newName: pair.newName,
      address,
    })),
    request: isNeeded ? encodeRequest(content, asker) : new Uint8Array(0),
    memory: MEMORY[action] + (loads ? metadata.patch.size : 0),
    loads,
  };
}

function requireAppliable(
  { process: { subject }, patches }: TargetProcess,
  functions: readonly OldFunction[],
  metadata: Metadata,
): void {
  for (const { target, pair, opcode } of functions)
    if (opcode !== abi.ENTRY.rest && opcode !== abi.ENTRY.detoured)
      throw new UlpError('library-not-patchable', {
        subject: `${subject}: ${target.path}: ${pair.oldName}`,
        fact: 'does not begin as a gated function does',
      });
  for (const id of metadata.dependencies)
    if (!appliedPatch(patches, id))
      throw new UlpError('dependency-missing', { subject, expected: `patch ${id}` });
}

function requireRevertible(
  { process: { subject }, patches }: TargetProcess,
  metadata: Metadata,
): void {
  const dependent = patches.find(
    (p) => p.state === 'applied' && p.dependencies.includes(metadata.id),
  );
  if (dependent)
    throw new UlpError('dependency-needed', {
      subject,
      found: `patch ${dependent.id}, ${dependent.path}`,
      detail: 'revert that one first',
    });
}
