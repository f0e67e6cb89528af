/**
 * A tool in whose hands the target executes another program: `node exec-tool.mjs PID FILE MOMENT
 * [read]`. Just before step number MOMENT of applying FILE, the target gets SIGUSR1, and the tool
 * goes on when that has led to another program, or the target stands. A step is a request to
 * ptrace(2) or a write to the target's memory; with `read`, a read of it. Prints, as JSON, how many
 * steps there were, how the tool ended, and what it changed in the other program.
 */
import { readlinkSync } from 'node:fs';
import { HANG_MS, stateOf, waitSync } from '../../../test-targets/harness/wait.cjs';
import { runTool, watchSteps } from '../../../test-targets/harness/tool-steps.mjs';

const [pid, file, moment, reads] = process.argv.slice(2);

/** Which program it is; '': one that we may not look at. */
function program() {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return '';
  }
}

const first = program();
const hasExecuted = () => program() !== first;
const stands = () => 'tT'.includes(stateOf(pid));

/**
 * What a thread is changed by; PTRACE_SETREGS alone repeats the call that the stop has broken off.
 */
const CHANGES = { 5: 'POKEDATA', 13: 'SETREGS', 0x420b: 'SETSIGMASK', write: 'write' };
const changed = new Set();
let steps = 0;
watchSteps((kind, act) => {
  if ((kind === 'read') === (reads !== undefined) && ++steps === Number(moment)) {
    process.kill(Number(pid), 'SIGUSR1');
    const isOver = () => hasExecuted() || stands();
    waitSync('another program, or a stop', isOver, Boolean, { pid: Number(pid) });
  }
  const isOther = kind in CHANGES && hasExecuted();
  const result = act();
  // A request gives 0 when it has done it, a write the number of bytes.
  if (isOther && (kind === 'write') === result > 0)
    changed.add(stands() ? `${CHANGES[kind]} in a stop` : CHANGES[kind]);
  return result;
});
let end = 'done';
try {
  await runTool(pid, file, 'apply', 'trigger', HANG_MS);
} catch ({ code, message }) {
  end = `${code}: ${message}`;
}
process.stdout.write(JSON.stringify({ steps, end, changed: [...changed] }));
