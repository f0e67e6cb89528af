#!/usr/bin/env node
/**
 * Each patch of a series builds: `node scripts/each-patch.mjs ld|gcc` builds the tool with the
 * first patch of its series, with the first two, and so on to the last, where `npm run toolchain`
 * builds it. Nothing is installed. Exit codes: as those of scripts/toolchain.mjs.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './prepare.mjs';
import { alone, FOLDER, toolchainPrefix } from './toolchain.mjs';
import { Failure } from './toolchain/failure.mjs';
import { readSeries } from './toolchain/series.mjs';
import { TOOLS } from './toolchain/tools.mjs';
import { build } from './toolchain/workshop.mjs';

const PATCHES = join(root, 'toolchain-patches');
const STAGE = join(FOLDER, 'each-patch');

/** A folder like toolchain-patches, with these patches of one series. */
function stage(series, patches) {
  rmSync(STAGE, { recursive: true, force: true });
  mkdirSync(join(STAGE, series), { recursive: true });
  for (const { name, path } of patches) copyFileSync(path, join(STAGE, series, name));
  writeFileSync(join(STAGE, series, 'series'), patches.map(({ name }) => `${name}\n`).join(''));
}

async function eachPatch(tool) {
  const series = readSeries(join(PATCHES, tool.series));
  const here = {
    ...tool,
    installs: [],
    build: (shop) => tool.build({ ...shop, install: () => undefined }),
  };
  for (const [i, { name }] of series.entries()) {
    stage(tool.series, series.slice(0, i + 1));
    await build(here, { build: FOLDER, prefix: toolchainPrefix(), patches: STAGE, force: true });
    const log = readFileSync(join(FOLDER, tool.name, 'log'), 'utf8');
    const warnings = new Set(log.match(/^.*: warning: .*$/gm));
    console.log(`${tool.name}: ${name}: builds, ${warnings.size} warnings`);
    for (const warning of warnings) console.log(`  ${warning}`);
  }
  rmSync(STAGE, { recursive: true });
}

try {
  const tool = TOOLS[process.argv[2]];
  if (!tool?.archive || process.argv.length > 3)
    throw new Failure('usage: node scripts/each-patch.mjs ld|gcc', 2);
  alone();
  await eachPatch(tool);
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(`each-patch: ${error.message}`);
  process.exitCode = error.code;
}
