/** What the soak does to its processes; each action looks at every answer it gets. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { bin } from '../lib.mjs';

const REFUSED = { apply: 'dependency-missing', revert: 'dependency-needed' };

/** A command as a whole process. */
async function command(name, ...args) {
  const child = spawn(bin(name), args.map(String), { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code, signal] = await ended;
  return { status: signal ?? code, stdout, stderr };
}

/** @param soak {tool, patches, subjects, random, wrong(text), count(what)} */
export const actions = {
  async library(soak, subject, patch) {
    const verb = soak.random(2) ? 'apply' : 'revert';
    soak.count(`${verb}, by a program that stays`);
    const had = subject.applied.includes(patch.n);
    const expected = subject.isRefused(verb, patch, soak.patches)
      ? had === (verb === 'apply')
        ? false
        : REFUSED[verb]
      : had !== (verb === 'apply');
    const found = await soak.tool(verb, subject.pid, patch.file);
    if (found !== expected) soak.wrong(`${verb} ${patch.n}, ${subject.name}: ${found}`);
    if (typeof found === 'boolean') subject.note(verb, patch);
  },

  async trigger(soak, subject, patch) {
    const verb = soak.random(2) ? 'apply' : 'revert';
    soak.count(`ulp-trigger, ${verb}`);
    const noop = subject.applied.includes(patch.n) === (verb === 'apply');
    const refused = !noop && subject.isRefused(verb, patch, soak.patches);
    const options = verb === 'revert' ? ['--revert'] : [];
    const { status, stderr } = await command('ulp-trigger', subject.pid, patch.file, ...options);
    if (status !== (refused ? 3 : 0))
      soak.wrong(`ulp-trigger ${verb} ${patch.n}, ${subject.name}: ${status} ${stderr}`);
    if (status === 0) subject.note(verb, patch);
  },

  async check(soak, subject, patch) {
    soak.count('ulp-check');
    const { status, stderr } = await command('ulp-check', subject.pid, patch.file, '--threads');
    if (status !== (subject.applied.includes(patch.n) ? 0 : 1))
      soak.wrong(`ulp-check ${patch.n}, ${subject.name}: ${status} ${stderr}`);
  },

  /**
   * Every process at once, while one of them ends. Only a patch that no other depends on, and that
   * depends on none.
   */
  async dispatcher(soak) {
    const patch = soak.patches.get(4);
    const verb = ['check', 'patch', 'revert'][soak.random(3)];
    soak.count(`ulp-dispatcher ${verb}`);
    const running = command('ulp-dispatcher', verb, patch.file, '--json');
    await soak.endOne();
    const { status, stdout, stderr } = await running;
    if (status !== 0 && status !== 1)
      return soak.wrong(`ulp-dispatcher ${verb}: ${status} ${stderr}`);
    const { processes } = JSON.parse(stdout);
    for (const subject of soak.subjects) {
      if (subject.isEnding) continue;
      if (verb !== 'check') subject.note(verb === 'patch' ? 'apply' : 'revert', patch);
      const state = processes.find(({ pid }) => pid === subject.pid)?.state;
      const wanted = subject.applied.includes(4) ? ['applied'] : ['absent', 'reverted'];
      if (!wanted.includes(state))
        soak.wrong(`ulp-dispatcher ${verb}, ${subject.name}: ${state} instead of ${wanted}`);
    }
    for (const { pid, error } of processes)
      if (error && !['process-missing', 'process-ended'].includes(error.code))
        soak.wrong(`ulp-dispatcher ${verb}, process ${pid}: ${error.message}`);
  },
};
