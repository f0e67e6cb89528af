/** Waiting without giving control away: between interrupt and detach nothing else may run here. */
const word = new Int32Array(new SharedArrayBuffer(4));

export function sleep(milliseconds: number): void {
  Atomics.wait(word, 0, 0, milliseconds);
}

/** Milliseconds of a clock that nobody sets. */
export const now = (): number => performance.now();
