import { lockProcess } from '@ulp/ptrace-ffi/borrowing';
import { cleanUp, codeOf, compile, start } from './target';

afterAll(cleanUp);

const MODULE = JSON.stringify(require.resolve('@ulp/ptrace-ffi/borrowing'));
/** Another tool that takes the lock, says so, and keeps it. */
const holder = (pid: number) =>
  start(process.execPath, [
    '-e',
    `require(${MODULE}).lockProcess(${pid}, 0); console.log('ready'); setInterval(() => 0, 1000)`,
  ]);

test('two tools exclude each other, and the death of one frees the other', async () => {
  const target = await start(compile('echo'));
  const other = await holder(target.pid);
  expect(() => lockProcess(target.pid, 20)).toThrow(
    `process ${target.pid}: another tool is at work on it (nothing was changed)`,
  );
  await other.killed();
  const lock = lockProcess(target.pid, 0);
  expect(codeOf(() => lockProcess(target.pid, 0))).toBe('timed-out');
  lock.release();
  lockProcess(target.pid, 0).release();
  await target.killed();
});

test('a lock is of one process', async () => {
  const [one, two] = [await start(compile('echo')), await start(compile('echo'))];
  const locks = [lockProcess(one.pid, 0), lockProcess(two.pid, 0)];
  locks.forEach((lock) => lock.release());
  await one.killed();
  expect(codeOf(() => lockProcess(one.pid, 0))).toBe('process-missing');
  await two.killed();
});
