/**
 * Real libraries with and without one of Debian's own fixes, live-patchable but not gated. The tree
 * is built once with all fixes; then each is taken back alone, and make compiles what that
 * concerns.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { debianSource } from './debian-source.mjs';
import { root } from './prepare.mjs';
import { flags, LIBRARIES, MAKE, REAL, run } from './real-library.mjs';

/** Fixes of Debian's patch series, and what their source changes. */
export const FIXES = [
  { library: 'libxml2', fix: 'CVE-2022-49043', source: ['xmlXIncludeAddNode'] },
  { library: 'libxml2', fix: 'CVE-2025-6021', source: ['xmlBuildQName'] },
  {
    library: 'libxml2',
    fix: 'CVE-2024-56171',
    source: ['xmlSchemaIDCFillNodeTables', 'xmlSchemaBubbleIDCNodeTables'],
  },
  { library: 'libpng', fix: 'CVE-2026-25646', source: ['png_set_quantize'] },
  { library: 'libpng', fix: 'CVE-2025-64505', source: ['png_set_quantize'] },
  { library: 'libpng', fix: 'CVE-2025-64506', source: ['png_image_write_main'] },
  { library: 'libpng', fix: 'CVE-2025-64720', source: ['png_init_read_transformations'] },
];

/** `plain`: as Debian builds it. */
const KINDS = { livePatchable: 'live-patchable', plain: 'plain' };

function configure(library, tree, plain) {
  const cflags = plain ? '' : flags('cflags');
  const own = ['-q', '--disable-static', ...library.configure, `CFLAGS=-O2 -g ${cflags}`];
  run(tree, './configure', ...own);
}

function make(library, tree, plain, out) {
  const [trm] = flags('ldflags').split(' ');
  const ldflags = plain ? '-Wl,--build-id' : `${trm} -Wl,--build-id`;
  run(tree, 'make', ...MAKE, library.make, `LDFLAGS=${ldflags}`);
  copyFileSync(join(tree, '.libs', library.soname), out);
}

/** @returns the folder that holds the tree and `fixed.so`, built when flags or runtime changed */
function builtFixed(name, plain) {
  const library = LIBRARIES[name];
  const folder = join(REAL, 'fixes', `${name}-${plain ? KINDS.plain : KINDS.livePatchable}`);
  const tree = join(folder, 'tree');
  const stamp = join(folder, 'stamp');
  const state = `${flags('cflags')}\n${execFileSync('sha256sum', [join(root, 'runtime/dist/trm.o')], { encoding: 'utf8' })}`;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === state) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  run(root, 'cp', '-a', debianSource(library.package, join(REAL, 'source')), tree);
  configure(library, tree, plain);
  make(library, tree, plain, join(folder, 'fixed.so'));
  writeFileSync(stamp, state);
  return folder;
}

/**
 * @param {{library: string, fix: string}} fix one of FIXES
 * @param {{plain?: boolean}} options as Debian builds it, not live-patchable
 * @returns {{old: string, fixed: string}} the library as it would be without this one fix, and with
 * it
 */
export function fixedLibrary({ library: name, fix }, { plain = false } = {}) {
  const library = LIBRARIES[name];
  const folder = builtFixed(name, plain);
  const tree = join(folder, 'tree');
  const at = { old: join(folder, `without-${fix}.so`), fixed: join(folder, 'fixed.so') };
  if (existsSync(at.old)) return at;
  const patch = ['-p1', '-i', join('debian/patches', `${fix}.patch`)];
  run(tree, 'patch', '-R', ...patch);
  try {
    make(library, tree, plain, `${at.old}.part`);
  } finally {
    run(tree, 'patch', ...patch);
  }
  run(folder, 'mv', `${at.old}.part`, at.old);
  return at;
}
