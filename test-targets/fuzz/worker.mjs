/** A thread that runs the cases of one parser: from `first`, each `step`-th, `count` of them. */
import { parentPort, workerData } from 'node:worker_threads';
import { PARSERS, seedsOf } from './parsers.mjs';
import { Random } from './random.mjs';

const { parser, seed, first, step, count, libraries, room, heart, input } = workerData;
/** [case under way, cases done, ms of the longest] */
const beat = new Float64Array(heart);
/** Whatever an error says is printed: nothing in it may draw. */
const DRAWS = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
/** Outcomes that were seen, each with an input that gave it: altered further, they lead further. */
const POOL = 400;
const pool = [];
const seen = new Set();

const subject = await PARSERS[parser].create({
  seeds: seedsOf(libraries),
  room,
  worker: `${parser}-${first}`,
});

function outcome(bytes) {
  try {
    return `accepted: ${subject.run(bytes) ?? ''}`;
  } catch (error) {
    if (error?.name !== 'UlpError' || error.code === 'defect' || DRAWS.test(error.message))
      throw error;
    return error.message.replace(/0x[0-9a-f]+|[0-9]+/g, '#').slice(0, 200);
  }
}

function one(index, bytes) {
  beat[0] = index;
  const begin = performance.now();
  beat[3] = begin;
  try {
    const said = outcome(bytes);
    if (!seen.has(said) && pool.length < POOL) {
      seen.add(said);
      pool.push(bytes);
    }
  } catch (error) {
    parentPort.postMessage({ failed: { index, bytes, message: error?.stack ?? String(error) } });
  }
  beat[2] = Math.max(beat[2], performance.now() - begin);
  beat[1]++;
}

if (input) one(-1, Buffer.from(input));
else
  for (let i = 0; i < count; i++) {
    const index = first + i * step;
    const random = new Random(seed, index);
    let bytes = subject.make(random);
    if (pool.length > 0 && random.chance(20)) bytes = mutateAgain(random, random.pick(pool));
    one(index, bytes);
  }
subject.end?.();
parentPort.postMessage({ done: seen.size });

/** What gave an outcome of its own, altered once more. */
function mutateAgain(random, bytes) {
  const copy = Buffer.from(bytes);
  for (let n = random.few(); n > 0 && copy.length > 0; n--) {
    const at = random.below(copy.length);
    if (random.chance(50)) copy[at] ^= 1 << random.below(8);
    else
      copy.fill(
        random.pick([0, 1, 0x7f, 0x80, 0xff]),
        at,
        Math.min(copy.length, at + (1 << random.below(4))),
      );
  }
  return copy;
}
