/** How two builds of one function differ. */
import type { Token } from './tokens';

/**
 * `numbers`: only in constants that look like line numbers: passed on, and moved all in one
 * direction.
 */
export type Difference = 'none' | 'code' | 'numbers';

/** Larger than any source file has lines. */
const LINES = 1_000_000;

export function difference(old: readonly Token[], fixed: readonly Token[]): Difference {
  if (old.length !== fixed.length) return 'code';
  let direction = 0;
  for (const [i, a] of old.entries()) {
    const b = fixed[i];
    if (a.text !== b?.text) return 'code';
    if (a.constant === b.constant) continue;
    if (!isLine(a.constant) || !isLine(b.constant)) return 'code';
    const moved = Math.sign(b.constant - a.constant);
    if (direction !== 0 && moved !== direction) return 'code';
    direction = moved;
  }
  return direction === 0 ? 'none' : 'numbers';
}

const isLine = (constant: number | undefined): constant is number =>
  constant !== undefined && constant > 0 && constant < LINES;
