/** A process that answers each line with a line. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export function asked(command, args, env = {}) {
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, 'exit');
  const line = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${command} ${args.join(' ')} has ended: ${await ended}`);
    return value;
  };
  return {
    pid: child.pid,
    line,
    ask(text) {
      child.stdin.write(`${text}\n`);
      return line();
    },
    /** @returns its exit code, or the signal that ended it */
    async end() {
      child.stdin.end();
      const [code, signal] = await ended;
      return signal ?? code;
    },
  };
}
