/** Frees reverted patches, when no thread can be inside of them any more. */
import { setTimeout as delay } from 'node:timers/promises';
import { isUlpError } from '@ulp/core';
import { now, readUniverses } from '@ulp/ptrace-ffi';
import { countRetained, type TargetProcess } from '../examine/target';
import { perform } from './perform';
import { encodeCollect } from './request';

/** How long a reverted patch is waited for at most, in ms, so that it can be unloaded. */
const UNLOAD_MS = 1000;

/**
 * Waits, from outside, until no thread is inside with an older universe, then has what is out of
 * use freed. The revert itself is done: nothing here makes it a failure.
 * @returns how many reverted patches stay
 */
export async function unload(target: TargetProcess, deadline: number): Promise<number> {
  const { process, runtime } = target;
  const libraries = target.targets.map(({ library }) => library);
  const left = (): number => countRetained(runtime.patches());
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
    const order = { request: encodeCollect(), memory: 0 };
    await perform(process, runtime, order, Math.min(deadline, now() + UNLOAD_MS));
    return left();
  } catch (error) {
    if (isUlpError(error) && error.code !== 'defect' && error.code !== 'process-ended')
      return error.code === 'process-missing' ? 0 : left();
    throw error;
  }
}
