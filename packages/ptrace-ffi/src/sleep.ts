/** Waiting without giving control away: between interrupt and detach nothing else may run here. */
const word = new Int32Array(new SharedArrayBuffer(4));

export function sleep(milliseconds: number): void {
  Atomics.wait(word, 0, 0, milliseconds);
}

/** Milliseconds of a clock that nobody sets. Not performance.now(), which loads a part of Node.js that nothing else needs. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;
