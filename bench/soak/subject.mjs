/** A process of the soak, and what must hold for it. */
import { startAsked } from '../../test-targets/harness/asked.cjs';

export class Subject {
  /** Numbers of the patches that are applied, the first one first. */
  applied = [];
  /** Not asked for lines any more. */
  isEnding = false;

  static async start(program, kinds, preload) {
    const subject = new Subject();
    subject.kinds = kinds;
    const env = { LD_PRELOAD: preload };
    subject.process = await startAsked(program, { args: [kinds], env, ready: 'ready' });
    return subject;
  }

  get pid() {
    return this.process.pid;
  }

  get name() {
    return `process ${this.pid} (${this.kinds || 'idle'})`;
  }

  /** What f, g and h give: the last patch of each wins. */
  expected(patches) {
    const last = (covers) => this.applied.findLast((n) => covers(patches.get(n))) ?? 1;
    const f = last(() => true);
    return `${f} ${f} ${last(({ h }) => h)}`;
  }

  /** Would applying (reverting) it be refused? */
  isRefused(verb, { n, upon }, patches) {
    if (verb === 'apply') return upon !== undefined && !this.applied.includes(upon);
    return this.applied.some((other) => patches.get(other).upon === n);
  }

  note(verb, { n }) {
    if (verb === 'revert') this.applied = this.applied.filter((other) => other !== n);
    else if (!this.applied.includes(n)) this.applied.push(n);
  }

  /** @returns what is wrong, if anything is */
  async examine(patches) {
    const [f, g, h, wrong, calls] = (await this.process.ask('ask')).split(' ');
    this.calls = Number(calls);
    const found = `${f} ${g} ${h}`;
    const expected = this.expected(patches);
    return [
      ...(found === expected ? [] : [`${this.name} answers ${found} instead of ${expected}`]),
      ...(wrong === '0' ? [] : [`${this.name} counts ${wrong} wrong answers`]),
    ];
  }
}
