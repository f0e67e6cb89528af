/**
 * Each package is packed, and installed alone with what it depends on into an empty folder, as a
 * user would from the registry; its bins run there, and nothing came along that it does not need.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closure, FOLDERS, manifest, packAll, tarball } from '../harness/packed';
import { outputOf, runProgram } from '../harness/programs.cjs';
import { LONG_MS } from '../harness/wait.cjs';

/** Third-party packages that may be installed with each. */
const FOREIGN: Readonly<Record<string, readonly string[]>> = {
  core: [],
  elf: ['zod'],
  runtime: [],
  metadata: ['zod'],
  packer: ['iced-x86', 'zod'],
  'ptrace-ffi': ['zod'],
  trigger: ['zod'],
  dispatcher: ['zod'],
};
const NATIVE = new Set(['ptrace-ffi', 'trigger', 'dispatcher']);

let room: string;
beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), 'ulp-packages-'));
  packAll(room);
});
afterAll(() => rmSync(room, { recursive: true, force: true }));

describe.each(Object.keys(FOLDERS))('@ulp/%s', (name) => {
  let folder: string;
  const installed = (): string[] =>
    readdirSync(join(folder, 'node_modules')).filter((entry) => !entry.startsWith('.'));

  beforeAll(() => {
    folder = join(room, name);
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    const tarballs = closure(name).map((needed) => join(room, tarball(needed)));
    // Scripts are allowed here, as on a user's machine: there must be none that needs a compiler.
    outputOf(
      'npm',
      ['install', '--silent', '--prefer-offline', '--ignore-scripts=false', ...tarballs],
      {
        cwd: folder,
        timeout: LONG_MS,
        env: { ...process.env, CC: '/bin/false', CXX: '/bin/false', PYTHON: '/bin/false' },
      },
    );
  });

  test('brings only what it needs', () => {
    expect(installed().filter((entry) => entry !== '@ulp')).toEqual(FOREIGN[name]);
    expect(readdirSync(join(folder, 'node_modules/@ulp')).sort()).toEqual(closure(name).sort());
    const native = outputOf('find', [folder, '-name', '*.node'], { encoding: 'utf8' });
    expect(native !== '').toBe(NATIVE.has(name));
  });

  test('its bins run, and know their version and man page', () => {
    for (const bin of Object.keys(manifest(name).bin ?? {})) {
      const path = join(folder, 'node_modules/.bin', bin);
      const { status, stdout, stderr } = runProgram(path, ['--version'], { encoding: 'utf8' });
      expect({ status, stdout, stderr }).toEqual({
        status: 0,
        stdout: `${manifest(name).version}\n`,
        stderr: '',
      });
      expect(existsSync(join(folder, `node_modules/@ulp/${name}/dist/man/${bin}.1`))).toBe(true);
    }
  });

  // Its decoder is loaded from a package of its own, by this alone.
  const comparing = name === 'packer' ? test : undefined;
  comparing?.('compares two libraries', () => {
    const library = '/lib/x86_64-linux-gnu/libm.so.6';
    const path = join(folder, 'node_modules/.bin/ulp-packer');
    const run = runProgram(path, ['--compare', library, library], { encoding: 'utf8' });
    expect(run).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d{3,} functions are the same\n$/) as string,
    });
  });

  test('a program can import it', () => {
    const out = outputOf(
      process.execPath,
      ['-e', `console.log(Object.keys(require('@ulp/${name}')).length > 0)`],
      { cwd: folder, encoding: 'utf8' },
    );
    expect(out).toBe('true\n');
  });
});
