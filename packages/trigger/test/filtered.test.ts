/**
 * Seccomp filters, those that deny and those that kill: they are read and asked before anything is
 * touched. The helper inherits them, so a call that the tool did not ask about would end the
 * process here.
 */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { heldThreads } from '../../../test-targets/harness/hostile';
import { neededCalls } from '../src/calls/needed';
import { expectNoTrace, expectPatched } from './no-trace';
import { asRoot, buildLibrary, patchOf, scenario, source, trigger, type Scenario } from './setting';
import { runProgram } from '../../../test-targets/harness/programs.cjs';

const NOBODY = 65534;
const RET = {
  killProcess: 0x8000_0000,
  killThread: 0,
  trap: 0x3_0000,
  eperm: 0x5_0001,
  enosys: 0x5_0026,
  trace: 0x7ff0_0000,
  log: 0x7ffc_0000,
};
const CLONE = '56';
const MEMBARRIER = '324';
const MMAP_EXECUTABLE = '9:2:4';
const MPROTECT = '10';
/** What MemoryDenyWriteExecute= of systemd denies. */
const WRITE_XOR_EXECUTE = ['9:2:6', '10:2:4', '329:2:4', '30:2:32768'];

function prepare(s: Scenario) {
  chmodSync(s.room, 0o755);
  const library = buildLibrary(s);
  const program = s.program(source('filtered.c'), [library]);
  const patch = patchOf(s, library, 'fix', 1000);
  return { library, program, patch, start: (...args: string[]) => s.start(program, { args }) };
}

/** Only the numbers of the calls are wanted. */
const NOWHERE = { clone_flags: 0, helper_stack: 0n, tid_address: 0n, helper_tls: 0n };

const calls = (loads: boolean, dispensable: boolean): string[] => [
  ...new Set(
    neededCalls(NOWHERE, loads)
      .filter((call) => !dispensable || !call.dispensable)
      .map((call) => String(call.number)),
  ),
];

for (const [what, call, name] of [
  ['clone', CLONE, 'clone'],
  ['mmap with PROT_EXEC', MMAP_EXECUTABLE, 'mmap\\(PROT_EXEC\\)'],
  ['mprotect', MPROTECT, 'mprotect'],
  ['membarrier', MEMBARRIER, 'membarrier'],
] as const)
  asRoot(scenario)(`a filter that denies ${what}, in every way`, async (s) => {
    const { patch, start } = prepare(s);
    for (const [action, found] of [
      [RET.killProcess, 'the end of the process'],
      [RET.killThread, 'the end of the thread'],
      [RET.trap, 'a signal \\(SIGSYS\\)'],
      [RET.eperm, 'errno 1'],
      [RET.enosys, 'errno 38'],
      [RET.trace, 'a tracer to decide'],
    ] as const) {
      const target = await start('all', 'deny', String(action), call);
      const fact = new RegExp(
        `its seccomp filter does not let the change happen: expected ${name} to be allowed, found ${found} \\(.*restart; nothing was changed`,
      );
      expectNoTrace(target.pid, patch, { status: 3, fact });
      expect(await target.ask('answer')).toBe('2');
    }
  });

asRoot(scenario)('a filter that only logs; and that of MemoryDenyWriteExecute', async (s) => {
  const { library, patch, start } = prepare(s);
  await expectPatched(await start('all', 'deny', String(RET.log), CLONE, MPROTECT), patch);
  const high = patchOf(s, library, 'high', 5000);
  for (const action of [RET.eperm, RET.killProcess]) {
    const target = await start('all', 'deny', String(action), ...WRITE_XOR_EXECUTE);
    await expectPatched(target, patch);
    s.apply(target, patch);
    s.apply(target, high);
    expect(await target.ask('answer')).toBe('5001');
    s.revert(target, high);
    s.revert(target, patch);
    expect(await target.ask('answer')).toBe('2');
  }
});

asRoot(scenario)('a filter that kills for all that was not asked about', async (s) => {
  const { patch, start } = prepare(s);
  const target = await start('all', 'only', String(RET.killProcess), ...calls(true, false));
  for (let round = 0; round < 5; round++) await expectPatched(target, patch);
});

asRoot(scenario)('a filter that denies all that can be done without', async (s) => {
  const { patch, start } = prepare(s);
  const target = await start('all', 'only', String(RET.eperm), ...calls(true, true));
  await expectPatched(target, patch);
});

asRoot(scenario)('a thread without the filter is borrowed instead', async (s) => {
  const { patch, start } = prepare(s);
  const killing = ['deny', String(RET.killProcess), CLONE];
  for (const args of [
    ['main', ...killing],
    ['worker', ...killing],
    ['worker', 'strict'],
  ])
    await expectPatched(await start(...args), patch);
});

asRoot(scenario)('what is applied can be taken back where loading is denied', async (s) => {
  const { patch, start } = prepare(s);
  const target = await start('all', 'deny', String(RET.eperm), MMAP_EXECUTABLE);
  expectNoTrace(target.pid, patch, { status: 3, fact: /mmap/ });
  expect(trigger(target, patch, '--revert')).toMatchObject({ status: 0, stderr: '' });
});

const AS_NOBODY = ['--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups'];

asRoot(scenario)('a filter that cannot be read is not trusted', async (s) => {
  const { program, patch } = prepare(s);
  const target = await s.start('setpriv', {
    args: [...AS_NOBODY, program, 'all', 'deny', `${RET.eperm}`, '1000'],
  });
  const fact =
    /its seccomp filter cannot be read, and may be one that ends the process \(run as root/;
  expectNoTrace(target.pid, patch, { status: 4, fact, uid: NOBODY });
  await expectPatched(target, patch);
});

// Clone would end the process, and a tool that is not root is not told of the filter where the
// thread stands.
for (const [who, whose, end, answer] of [
  ['later', 'one thread: another one is borrowed', /^done$/, '1001'],
  ['later-all', 'every thread: refused', /^process-denied: .*filter cannot be read/, '2'],
] as const)
  asRoot(scenario)(`a filter after our look and before the stop, of ${whose}`, async (s) => {
    const { program, patch } = prepare(s);
    const target = await s.start('setpriv', {
      args: [...AS_NOBODY, program, who, 'deny', `${RET.killProcess}`, CLONE],
    });
    const tool = [join(__dirname, 'filter-tool.mjs'), `${target.pid}`, patch];
    const { stdout, stderr } = runProgram(process.execPath, tool, {
      encoding: 'utf8',
      uid: NOBODY,
      gid: NOBODY,
    });
    expect(stderr).toBe('');
    expect(stdout).toMatch(end);
    expect(await target.ask('answer')).toBe(answer);
    expect(heldThreads(target.pid)).toEqual([]);
  });
