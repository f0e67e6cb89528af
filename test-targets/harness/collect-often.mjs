/**
 * `node collect-often.mjs PID TIMES`: has the helper free what is out of use. It is what
 * ulp-trigger asks for when it sees that no thread is inside any more; here the helper has to see
 * that for itself.
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { findRuntime, now, openProcess } = require('@ulp/ptrace-ffi');
const { encodeCollect, perform } = require('@ulp/trigger/internals');

const [pid, times] = process.argv.slice(2).map(Number);
const target = openProcess(pid, { writable: true });
const runtime = findRuntime(target);
const order = () => ({ request: encodeCollect(), memory: 0 });
for (let i = 0; i < times; i++) await perform(target, runtime, order(), now() + 10_000);
target.close();
