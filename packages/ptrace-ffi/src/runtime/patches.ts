/** The table of patches in a process. */
import { abi, remoteAddress, UlpError, type RemoteAddress, type Universe } from '@ulp/core';
import { checkedUniverse } from './checked-universe';
import type { Process } from '../process';

export interface Patch {
  /** The patch id of its metadata: 64 lower-case hexadecimal digits. */
  readonly id: string;
  /**
   * applied: threads that enter now see it. reverted: threads may still be in it, so it is loaded.
   * pending: its universe has not begun (the helper is at work, or was when it ended).
   */
  readonly state: 'applied' | 'reverted' | 'pending';
  /** The universe that it began. */
  readonly universe: Universe;
  /** The universe that ended it. */
  readonly reverted: Universe | undefined;
  /** Of the patch .so, as the target sees it. */
  readonly path: string;
  readonly base: bigint;
  readonly end: bigint;
  readonly functionCount: number;
  readonly dependencies: readonly string[];
  /** Addresses of the ulp_library of each target. */
  readonly targets: readonly RemoteAddress[];
}

/** @param control read before: what begins later is not applied yet */
export function readPatches(process: Process, control: abi.UlpControl): Patch[] {
  const { size } = abi.ulp_patch;
  if (control.flags & abi.RUNTIME_FLAG.noHelper) return [];
  const used = Math.min(Number(control.patches_used), abi.LIMIT.patches);
  const table = process.memory.view(
    remoteAddress(control.patches),
    size * used,
    'the table of patches',
  );
  const patches: Patch[] = [];
  for (let i = 0; i < used; i++) {
    const state = table.data.getUint32(i * size + abi.ulp_patch.offset.state, true);
    if (state === abi.PATCH.live)
      patches.push(describe(process, abi.ulp_patch.read(table, i * size), control.universe));
  }
  return patches;
}

function describe(process: Process, entry: abi.UlpPatch, current: bigint): Patch {
  const subject = `${process.subject}: patch ${idText(entry.id)}`;
  if (
    entry.dependency_count > abi.LIMIT.dependencies ||
    entry.target_count > abi.LIMIT.targets ||
    entry.function_count > abi.LIMIT.functions
  )
    throw new UlpError('process-hostile', {
      subject,
      expected: `at most ${abi.LIMIT.dependencies} dependencies, ${abi.LIMIT.targets} targets and ${abi.LIMIT.functions} functions`,
      found: `${entry.dependency_count}, ${entry.target_count} and ${entry.function_count}`,
    });
  const ended = entry.reverted !== 0n && entry.reverted <= current;
  const began = entry.universe <= current;
  return {
    id: idText(entry.id),
    state: !began ? 'pending' : ended ? 'reverted' : 'applied',
    universe: checkedUniverse(subject, entry.universe),
    reverted: ended ? checkedUniverse(subject, entry.reverted) : undefined,
    path: entry.path,
    base: entry.base,
    end: entry.end,
    functionCount: entry.function_count,
    dependencies: entry.dependencies.slice(0, entry.dependency_count).map(idText),
    targets: entry.targets.slice(0, entry.target_count).map(remoteAddress),
  };
}

const idText = (id: Uint8Array): string => Buffer.from(id).toString('hex');
