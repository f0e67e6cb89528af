#!/usr/bin/env node
/**
 * `npm test`: everything, from a fresh clone. With arguments (`npm test -- packages/elf`) only the
 * tests that match them, without the checks of style.
 */
import { installDebianPackages } from './debian.mjs';
import { prepare, run } from './prepare.mjs';

const only = process.argv.slice(2);
installDebianPackages();
prepare({ quiet: true });
if (only.length === 0) run('npm', ['run', '--silent', 'check']);
run('node', ['node_modules/jest/bin/jest.js', ...only]);
