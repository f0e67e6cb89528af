/** Bad files: each command that reads such a file says the same about it, and touches nothing. */
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { badFiles, damaged, foreign, type BadFile } from '../harness/bad-files';
import { scenario, type Scenario } from '../harness/scenario';
import { isRoot } from '../harness/as-root';
import { NOBODY, runTool } from '../harness/tools';

type Line = readonly [tool: string, ...args: (string | number)[]];

if (!isRoot) console.warn('skipped without root: files that may not be read');
const possible = (files: readonly BadFile[]): BadFile[] =>
  files.filter((file) => isRoot || !file.asNobody);

/** What each command says, without its name; `where` is taken off where it stands in front. */
function messages(file: BadFile, lines: readonly Line[], where = ''): string[] {
  return lines.map(([tool, ...args]) => {
    const outcome = runTool(tool, args, { uid: file.asNobody && NOBODY });
    const { status, stdout, stderr } = outcome;
    const told = { file: file.title, line: [tool, ...args], status, stdout, stderr };
    expect(told).toMatchObject({ status: file.status, stdout: '' });
    const prefix = `${tool}: ${where}`;
    if (!stderr.startsWith(prefix) || !stderr.endsWith('\n')) expect(told).toBe(prefix);
    const text = stderr.slice(prefix.length, -1);
    expect(text).toMatch(file.fact);
    expect(text).not.toContain('\n');
    return text;
  });
}

interface Setting {
  readonly library: string;
  readonly patch: string;
  readonly metadata: string;
  readonly bad: string;
}

function prepare(s: Scenario): Setting {
  chmodSync(s.room, 0o755);
  const library = s.library('simple/library.c', 'libsimple.so');
  const metadata = s.patch('simple/patch.c', 'fix', [[library, ['answer:new_answer']]]);
  return { library, metadata, patch: join(s.room, 'fix.so'), bad: join(s.room, 'bad') };
}

scenario('metadata', async (s) => {
  const { library, metadata, bad } = prepare(s);
  const target = await s.start(s.program('simple/program.c', [library]));
  const inspected = (): string => runTool('ulp-inspect', [target.pid, '--json']).stdout;
  const before = [target.maps(), inspected()];
  const out = join(s.room, 'out.ulp');
  const description = join(s.room, 'fix.dsc');
  const files = [...possible(badFiles(bad)), ...damaged(bad, readFileSync(metadata))];
  for (const file of [...files, { ...foreignToAll(library), status: 2 as const }]) {
    const said = messages(file, [
      ['ulp-dump', file.path],
      ['ulp-dump', file.path, '--json'],
      ['ulp-trigger', target.pid, file.path],
      ['ulp-trigger', target.pid, file.path, '--revert', '--json'],
      ['ulp-trigger', target.pid, file.path, '--dry-run'],
      ['ulp-check', target.pid, file.path, '--threads'],
      ['ulp-dispatcher', 'check', file.path],
      ['ulp-dispatcher', 'patch', file.path, target.pid],
      ['ulp-dispatcher', 'revert', file.path, '--json'],
      ['ulp-packer', description, '--depends', file.path, '-o', out],
    ]);
    expect(said).toEqual(said.map(() => said[0]));
  }
  expect(existsSync(out)).toBe(false);
  expect([target.maps(), inspected()]).toEqual(before);
  expect(await target.ask('answer')).toBe('2');
  s.apply(target, metadata);
  expect(await target.ask('answer')).toBe('1001');
});

/** A good file, of another kind. */
const foreignToAll = (library: string): Omit<BadFile, 'status'> => ({
  title: 'a library',
  path: library,
  fact: /libsimple\.so: /,
});

scenario('libraries, as a target, as a patch and at the gate', async (s) => {
  const { library, patch, bad } = prepare(s);
  const content = readFileSync(library);
  const out = join(s.room, 'out');
  const description = join(s.room, 'bad.dsc');
  const files = possible(badFiles(bad));
  const cut = damaged(bad, content).filter((file) => !/flipped|one byte more/.test(file.title));
  const names = readdirSync(s.room).sort();
  for (const file of [...files, ...cut, ...foreign(bad, content)]) {
    const old = files.includes(file) ? undefined : readFileSync(file.path);
    const gate = messages(file, [
      ['ulp-dynsym-gate', file.path],
      ['ulp-dynsym-gate', file.path, '-o', out],
    ]);
    // A description is lines of text: it cannot name every file.
    if (/[\x00-\x1f]/.test(file.path)) continue;
    writeFileSync(description, `${patch}\n@${file.path}\nanswer:new_answer\n`);
    const line = ['ulp-packer', description, '-o', out] as const;
    const asTarget = messages(file, [line], `${description}:2:2: `);
    writeFileSync(description, `${file.path}\n@${library}\nanswer:new_answer\n`);
    const asPatch = messages(file, [line], `${description}:1:1: `);
    expect([...asTarget, ...asPatch]).toEqual(gate);
    if (old) expect(readFileSync(file.path).equals(old)).toBe(true);
  }
  expect(readdirSync(s.room).sort()).toEqual([...names, 'bad.dsc'].sort());
});

scenario('descriptions', async (s) => {
  const { metadata, bad } = prepare(s);
  const out = join(s.room, 'out.ulp');
  const odd = damaged(bad.replace(/bad$/, '.'), readFileSync(metadata));
  for (const file of [...possible(badFiles(bad)), ...odd])
    messages(file, [['ulp-packer', file.path, '-o', out]]);
  expect(existsSync(out)).toBe(false);
});
