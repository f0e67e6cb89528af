/**
 * A tool in whose hands the target gets a seccomp filter: `node filter-tool.mjs PID FILE`. Just
 * before it seizes the first thread, when it has seen that it has none, the target gets SIGUSR1,
 * and the tool goes on when that has led to a filter. Prints how applying FILE ended.
 */
import { HANG_MS, statusOf, waitSync } from '../../../test-targets/harness/wait.cjs';
import { runTool, watchSteps } from '../../../test-targets/harness/tool-steps.mjs';

const [pid, file] = process.argv.slice(2);
const PTRACE_SEIZE = 0x4206;
const isFiltered = () => statusOf(`${pid}/task/${pid}`, 'Seccomp') === '2';

watchSteps((kind, act) => {
  if (kind === PTRACE_SEIZE && !isFiltered()) {
    process.kill(Number(pid), 'SIGUSR1');
    waitSync('a filter', isFiltered, Boolean, { pid: Number(pid) });
  }
  return act();
});
let end = 'done';
try {
  await runTool(pid, file, 'apply', 'trigger', HANG_MS);
} catch ({ code, message }) {
  end = `${code}: ${message}`;
}
process.stdout.write(end);
