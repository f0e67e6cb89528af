#!/usr/bin/env node
/**
 * Bundles the bins of the package in the current directory: src/cli/<bin>.ts exports `command`; it becomes
 * dist/bin/<bin>.js, one file that a process starts fast from, and dist/man/<bin>.1.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build } from 'esbuild';

const folder = process.cwd();
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const require = createRequire(join(folder, 'package.json'));
const { manPage } = require('@ulp/cli');

for (const name of Object.keys(manifest.bin ?? {})) {
  const compiled = join(folder, 'dist/cli', `${name}.js`);
  await build({
    stdin: {
      contents: `import { main } from '@ulp/cli';\nimport { command } from ${JSON.stringify(compiled)};\nvoid main(command, ${JSON.stringify(manifest.version)});\n`,
      resolveDir: folder,
    },
    outfile: join(folder, 'dist/bin', `${name}.js`),
    bundle: true,
    minify: true,
    legalComments: 'none',
    platform: 'node',
    target: 'node20',
    // Stay outside: they load native code or WebAssembly that lies in their own package, and only some runs need it.
    external: ['@ulp/ptrace-ffi/libc', '@ulp/runtime', 'iced-x86'],
    logLevel: 'warning',
  });
  const page = manPage(require(compiled).command, manifest.version);
  mkdirSync(join(folder, 'dist/man'), { recursive: true });
  writeFileSync(join(folder, 'dist/man', `${name}.1`), page);
}
