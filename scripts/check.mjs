#!/usr/bin/env node
/**
 * `npm run check`: every guard of CONTRIBUTING.md, as many at a time as there are processors. What
 * a guard says is printed in one piece, when it has ended. Exits with 1 when one has complained.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { root } from './prepare.mjs';

/**
 * Scripts of package.json, the longest first. C needs a header that compiled TypeScript writes, and
 * the table of calls is compiled.
 */
const GUARDS = [
  { script: 'lint' },
  { script: 'typecheck' },
  { script: 'check:layers' },
  { script: 'check:unused' },
  { script: 'format:check' },
  { script: 'check:c', after: 'typecheck' },
  { script: 'check:calls', after: 'typecheck' },
];

async function run(script) {
  const begin = performance.now();
  const child = spawn('npm', ['run', '--silent', script], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => (said += text));
  const [status] = await once(child, 'close');
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  console.log(`${script}: ${status === 0 ? 'holds' : 'DOES NOT HOLD'} (${seconds} s)`);
  if (status !== 0) console.log(said);
  return status === 0;
}

const ended = new Map();
const queue = [...GUARDS];
const worker = async () => {
  for (let guard; (guard = queue.shift());) {
    await ended.get(guard.after);
    const end = run(guard.script);
    ended.set(guard.script, end);
    await end;
  }
};
await Promise.all(Array.from({ length: availableParallelism() }, worker));
const all = await Promise.all(ended.values());
process.exitCode = all.every((holds) => holds) ? 0 : 1;
