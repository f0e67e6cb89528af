#!/usr/bin/env node
/** Writes runtime/build/ulp_abi.h from packages/core/src/abi.ts (which must be compiled). */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
const { abiHeader } = createRequire(import.meta.url)('@ulp/core');
const file = join(root, 'runtime/build/ulp_abi.h');
const text = abiHeader();
mkdirSync(dirname(file), { recursive: true });
// Left alone when nothing changed, so that make does not rebuild.
let old = '';
try {
  old = readFileSync(file, 'utf8');
} catch {
  // not generated yet
}
if (old !== text) writeFileSync(file, text);
