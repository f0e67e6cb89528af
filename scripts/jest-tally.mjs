/**
 * Jest reporter: closes a run with the plain line `N passed, N failed, N skipped`. With
 * ULP_TEST_RECORD=1 it also writes how long each file took into scripts/durations.json.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root } from './prepare.mjs';

const DURATIONS = join(import.meta.dirname, 'durations.json');

function record(results) {
  const durations = JSON.parse(readFileSync(DURATIONS, 'utf8'));
  for (const { testFilePath, perfStats } of results)
    durations[relative(root, testFilePath)] = Math.ceil(perfStats.runtime / 1000);
  const sorted = Object.fromEntries(Object.entries(durations).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(DURATIONS, `${JSON.stringify(sorted, undefined, 2)}\n`);
}

export default class Tally {
  onRunComplete(_contexts, results) {
    if (process.env.ULP_TEST_RECORD === '1') record(results.testResults);
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    console.log(`${results.numPassedTests} passed, ${failed} failed, ${skipped} skipped`);
  }
}
