/**
 * A tool that kills itself: `node dying-tool.mjs PID FILE apply|revert STEP trigger|dispatcher
 * [stop]`. A step is a request to ptrace(2) or a write to the target's memory; it dies just before
 * step number STEP; with `stop`, it stops the target then (SIGSTOP) and goes on. Prints how many
 * steps there were if it comes to its end.
 */
import { HANG_MS } from './wait.cjs';
import { runTool, watchSteps } from './tool-steps.mjs';

const [pid, file, action, last, tool, stop] = process.argv.slice(2);
let steps = 0;
watchSteps((kind, act) => {
  if (kind !== 'read' && ++steps === Number(last)) {
    if (stop) process.kill(Number(pid), 'SIGSTOP');
    else process.kill(process.pid, 'SIGKILL');
  }
  return act();
});
await runTool(pid, file, action, tool, stop ? 300 : HANG_MS);
process.stdout.write(`${steps}\n`);
