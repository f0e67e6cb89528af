/** Waiting without giving control away: nothing else of this program may run meanwhile. */
const word = new Int32Array(new SharedArrayBuffer(4));

export function sleep(milliseconds: number): void {
  Atomics.wait(word, 0, 0, milliseconds);
}
