/** Waiting, and how long it took. Between interrupt and detach it must be by sleep(). */
export { sleep } from '@ulp/core';

/**
 * Milliseconds of a clock that nobody sets. Not performance.now(), which loads a part of Node.js
 * that nothing else needs.
 */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;
