/** A benchmark program that obeys commands on its standard input and answers each with a line. */
import { startAsked } from '../test-targets/harness/asked.cjs';
import { LONG_MS } from '../test-targets/harness/wait.cjs';
import { tool } from './lib.mjs';

/** Starts it, waits until it is ready, hands it to `use`, and ends it. */
export async function withProgram(path, env, use) {
  const program = await startAsked(path, { env });
  const pid = String(program.pid);
  try {
    await use({
      pid: program.pid,
      // It measures before it answers.
      ask: (command) => program.ask(command, { ms: LONG_MS }),
      apply: (metadata) => tool('ulp-trigger', pid, metadata),
      revert: (metadata) => tool('ulp-trigger', pid, metadata, '--revert'),
    });
  } finally {
    await program.end();
  }
}
