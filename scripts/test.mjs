#!/usr/bin/env node
/**
 * The tests. From a fresh clone it installs and builds what is missing first.
 *
 *   npm test                 what CI runs: the checks of style and types, and all tiers
 *   npm test -- PATH ...     the test files that match; -t TITLE: these tests of them
 *   npm run test:unit        functions alone: no build, no compiler
 *   npm run test:quick       unit tests, and of what the change touches as much as a minute holds
 *   npm run test:long        what takes hours: scripts/test-long.mjs
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chooseTests } from './choose-tests.cjs';
import { installDebianPackages } from './debian.mjs';
import { install, packageFolders, prepare, root, run } from './prepare.mjs';
import { testFiles, tierOf } from './tiers.mjs';

/** For process tests, in s: two workers have so much of a minute, after a build and unit tests. */
const QUICK_SECONDS = 2 * 22;

const jest = (...args) => run('node', ['node_modules/jest/bin/jest.js', ...args]);
const json = (file) => JSON.parse(readFileSync(join(root, file), 'utf8'));

const git = (...args) =>
  execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\n').filter(Boolean);

/** Files that are changed since the last commit; when there are none, by the last commit. */
function changedFiles() {
  const changed = [
    ...git('diff', '--name-only', 'HEAD'),
    ...git('ls-files', '--others', '--exclude-standard'),
  ];
  return changed.length > 0 ? changed : git('diff', '--name-only', 'HEAD~1', 'HEAD');
}

/** Of each package's folder, the folders of those that it needs, for its tests as well. */
function dependencies() {
  const manifests = new Map(
    [...packageFolders, 'test-targets'].map((folder) => [folder, json(`${folder}/package.json`)]),
  );
  const folders = new Map([...manifests].map(([folder, { name }]) => [name, folder]));
  return new Map(
    [...manifests].map(([folder, manifest]) => [
      folder,
      Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).flatMap(
        (name) => folders.get(name) ?? [],
      ),
    ]),
  );
}

function quick() {
  const durations = json('scripts/durations.json');
  const isUnit = (test) => tierOf(test) === 'unit';
  const { chosen, left } = chooseTests({
    files: changedFiles(),
    tests: testFiles().filter((test) => !['unit', 'long'].includes(tierOf(test))),
    dependencies: dependencies(),
    durations,
    seconds: QUICK_SECONDS,
  });
  prepare({ quiet: true });
  jest('--runTestsByPath', ...testFiles().filter(isUnit), ...chosen);
  if (left.length === 0) return;
  const seconds = left.reduce((sum, test) => sum + (durations[test] ?? 0), 0);
  const minutes = Math.ceil(seconds / (2 * 60));
  console.log(
    `left out: ${left.length} files of packages that the change touches, some ${minutes} minutes (npm test)`,
  );
}

const [what, ...rest] = process.argv.slice(2);
if (what === '--unit') {
  install({ quiet: true });
  jest('--selectProjects', 'unit', '--', ...rest);
} else if (what === '--quick') {
  quick();
} else {
  const only = process.argv.slice(2);
  installDebianPackages();
  prepare({ quiet: true });
  if (only.length > 0) {
    jest(...only);
  } else {
    run('npm', ['run', '--silent', 'check']);
    jest('--selectProjects', 'unit', 'built');
  }
}
