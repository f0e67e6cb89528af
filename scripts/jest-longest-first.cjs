/**
 * Jest sequencer: the longest files first, so that no worker is left with one at the end. How long
 * each takes stands in scripts/durations.json; one that is not there may be long, and comes first.
 */
const Sequencer = require('@jest/test-sequencer').default;
const { relative, join } = require('node:path');
const durations = require('./durations.json');

const root = join(__dirname, '..');
const seconds = ({ path }) => durations[relative(root, path)] ?? Infinity;

module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    // Not by a difference: two that are unknown are equal.
    return [...tests].sort((a, b) =>
      seconds(a) === seconds(b) ? 0 : seconds(b) > seconds(a) ? 1 : -1,
    );
  }
};
