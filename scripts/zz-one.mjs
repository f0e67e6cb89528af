import { run } from '../test-targets/random/run.mjs';
import { shrink } from '../test-targets/random/shrink.mjs';
const folder = '/tmp/cz/rnd';
const depends = [[], [], [0], [], [1, 3]];
const built = { program: `${folder}/program`, patches: depends.map((d, i) => ({ file: `${folder}/patch${i}.ulp`, depends: d })) };
const [text, count = '300', tries = '0', ...words] = process.argv.slice(2);
const go = (t, n) => run(built, folder, { words: ['threads=3', 'storm=1500', 'FORGET=0', 'moves=0', 'COPY=0', ...words, `text=${t}`, `count=${n}`], flapMs: 3, seed: 1, stalledMs: 3000 });
const r = await go(text, count);
console.log(r.failure, r.done, r.changes);
if (r.failure && tries > 0) {
  const s = await shrink(text, async (t) => (await go(t, count)).failure !== undefined, Number(tries));
  console.log(s, (await go(s, count)).failure);
}
