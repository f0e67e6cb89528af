import { spawnSync } from 'node:child_process';
import { scenario } from '../harness/scenario';
import type { Target } from '../harness/target';

/** What gdb prints for these commands in the running process. */
function gdb(target: Target, ...commands: string[]): string {
  const args = ['set debuginfod enabled off', ...commands].flatMap((command) => ['-ex', command]);
  const { stdout } = spawnSync('gdb', ['-nx', '-batch', '-p', String(target.pid), ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return stdout;
}

/** The functions of gdb's list, innermost first. */
const functions = (list: string): string =>
  [...list.matchAll(/^#\d+ +(?:0x\w+ in )?(\S+) \(/gm)].map(([, name]) => name).join(' ');

scenario('gdb, libunwind and backtrace() walk through a tracked call', async (s) => {
  const library = s.library('debuggers/library.c', 'libdebugged.so');
  const patch = s.patch('debuggers/patch.c', 'fix', [[library, ['outer:new_outer']]]);
  const program = s.program('debuggers/program.c', [library], ['-rdynamic', '-lunwind']);
  const target = await s.start(program);

  const walks = async (called: string, added: number): Promise<void> => {
    expect(await target.ask('libunwind')).toContain(` ${called} __ulp_slots middle `);
    expect(await target.ask('libunwind')).toMatch(/ _start$/);
    // backtrace_symbols() knows dynamic symbols alone; the slots' is hidden.
    expect(await target.ask('backtrace')).toMatch(new RegExp(`${called}  middle `));
    expect(await target.ask('backtrace')).toMatch(/ _start$/);
    expect(await target.ask('wait')).toBe('waiting');
    const stopped = gdb(target, 'bt');
    expect(functions(stopped)).toContain(` waiting ${called} __ulp_slots middle `);
    expect(functions(stopped)).toMatch(/ _start$/);
    target.tell('go on');
    expect(await target.line()).toBe(String(1 + added + 10));
  };
  await walks('outer', 1);
  s.apply(target, patch);
  await walks('new_outer', 100);
  s.revert(target, patch);
  await walks('outer', 1);
});
