/** A benchmark program that obeys commands on its standard input and answers each with a line. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { tool } from './lib.mjs';

/** Starts it, waits until it is ready, hands it to `use`, and ends it. */
export async function withProgram(path, env, use) {
  const child = spawn(path, [], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${path} has ended`);
    return value;
  };
  const pid = String(child.pid);
  const ended = once(child, 'exit');
  await next();
  try {
    await use({
      pid: child.pid,
      ask: (command) => {
        child.stdin.write(`${command}\n`);
        return next();
      },
      apply: (metadata) => tool('ulp-trigger', pid, metadata),
      revert: (metadata) => tool('ulp-trigger', pid, metadata, '--revert'),
    });
  } finally {
    child.stdin.end();
    await ended;
  }
}
