/** Progress, on a terminal only: one line a phase, rewritten while a percentage is known. */
const terminal = process.stderr;

/** @param {string} tool */
export function progress(tool) {
  let phase;
  let shown = '';
  const show = (text) => {
    if (!terminal.isTTY || text === shown) return;
    terminal.write(`\r${text}\x1b[K`);
    shown = text;
  };
  return {
    /** A phase begins; the one before is done. */
    phase(name) {
      this.done();
      phase = name;
      show(`${tool}: ${name}`);
    },
    /** @param {number} share 0 to 1; it is an estimate, and 100 % is said by done() alone */
    at(share) {
      show(`${tool}: ${phase} ${Math.min(99, Math.floor(share * 100))} %`);
    },
    done() {
      if (phase !== undefined && terminal.isTTY) terminal.write('\n');
      phase = undefined;
      shown = '';
    },
  };
}
