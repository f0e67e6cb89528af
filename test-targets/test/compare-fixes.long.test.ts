/**
 * What fixes of Debian change in the machine code of libpng and libxml2, as `ulp-packer --compare`
 * finds it.
 */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TARGETS } from '../harness/build';
import { outputOf, runProgram } from '../harness/programs.cjs';
import { LONG_MS } from '../harness/wait.cjs';

const ROOT = join(TARGETS, '..');
const bin = (name: string): string => join(ROOT, 'node_modules/.bin', name);
/**
 * All seven: `node scripts/compare-fixes.mjs`. These leave one build of libxml2 and its
 * `xinclude.c` to be compiled.
 */
const FIXES = {
  'CVE-2022-49043': 'xmlXIncludeDoProcess',
  'CVE-2026-25646': 'png_set_quantize',
  'CVE-2025-64505': 'png_set_quantize',
  'CVE-2025-64506': 'png_image_write_main',
  'CVE-2025-64720': 'png_init_read_transformations',
};

const MINUTES = 60_000;
let table: string;
beforeAll(() => {
  const script = join(ROOT, 'scripts/compare-fixes.mjs');
  table = outputOf(process.execPath, [script, ...Object.keys(FIXES)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: LONG_MS,
  });
}, 15 * MINUTES);

test.each(Object.entries(FIXES))('%s changes %s and nothing else', (fix, name) => {
  const row = table.split('\n').find((line) => line.includes(fix)) ?? '';
  const [, , , , changed, numbers, same] = row.split('|').map((cell) => cell.trim());
  expect({ changed, numbers }).toEqual({ changed: `\`${name}\``, numbers: '' });
  expect(Number(same)).toBeGreaterThan(400);
});

test('a description that replaces the function of the source is told where its code lives', () => {
  const folder = join(TARGETS, 'build/real/fixes/libxml2-live-patchable');
  const old = join(folder, 'without-CVE-2022-49043.so');
  const room = mkdtempSync(join(tmpdir(), 'ulp-fixes-'));
  try {
    const [target, patch, description] = ['libxml2.so.2', 'patch.so', 'fix.dsc'].map((name) =>
      join(room, name),
    ) as [string, string, string];
    copyFileSync(old, target);
    outputOf(bin('ulp-dynsym-gate'), [target], { stdio: 'ignore' });
    writeFileSync(join(room, 'patch.c'), 'int fixed(void *c) { return c != 0; }\n');
    const flags = ['-shared', '-fPIC', '-Wl,--build-id'];
    outputOf('gcc', [...flags, join(room, 'patch.c'), '-o', patch]);
    const pack = (name: string): string => {
      writeFileSync(description, `${patch}\n@${target}\n${name}:fixed\n`);
      const args = [description, '--compare', old, join(folder, 'fixed.so')];
      const { status, stderr } = runProgram(bin('ulp-packer'), args, { encoding: 'utf8' });
      expect(status).toBe(0);
      return stderr;
    };
    expect(pack('xmlXIncludeProcess')).toMatch(
      /'xmlXIncludeDoProcess': its machine code changes too, and the description does not replace it/,
    );
    expect(pack('xmlXIncludeDoProcess')).toBe('');
  } finally {
    rmSync(room, { recursive: true });
  }
});
