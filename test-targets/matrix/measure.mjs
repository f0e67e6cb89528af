/**
 * One build of the matrix: everything that must hold of a library of that row, as checks with a
 * name. What does not hold of the same library built as anybody would (in `plain`) is not expected
 * of a live-patchable one.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterwards, buildLibrary, buildProgram, LIBRARY, pack, PROGRAMS, tool } from './build.mjs';
import { Session } from './session.mjs';
import { runProgram } from '../harness/programs.cjs';

/** Collects checks; `holds` may be a promise's outcome as well. */
class Checks {
  all = [];
  add(name, holds, found = '') {
    this.all.push({ name, holds, found });
  }
  /** Each fact of `facts` that `expected` has as 1 too. */
  facts(prefix, facts, expected, only = /./) {
    for (const [name, value] of Object.entries(facts))
      if (only.test(name) && (expected[name] ?? 1) === 1)
        this.add(`${prefix}: ${name}`, value === 1);
  }
  /** All answers are those of `before`, `more` added. */
  answers(prefix, answers, before, more) {
    for (const [name, value] of Object.entries(before))
      this.add(`${prefix}: ${name}`, answers[name] === value + more, answers[name]);
  }
}

async function factsWithout(program) {
  const session = await Session.start(program);
  const facts = await session.askFor('facts');
  const answers = await session.askFor('answers');
  await session.finish();
  return { facts, answers };
}

/**
 * With libpulp.so, before a patch, across it, while it is there, across its end, and afterwards.
 */
async function patched(checks, mode, session, metadata, plain) {
  const { answers } = plain;
  const say = (what) => `${mode}: ${what}`;
  checks.facts(say('tracked'), await session.askFor('facts'), plain.facts);
  checks.answers(say('tracked'), await session.askFor('answers'), answers, 0);

  await session.ask('hold');
  await tool('ulp-trigger', session.pid, metadata);
  checks.answers(say('applied while inside'), await session.askFor('go on'), answers, 0);
  checks.answers(say('applied'), await session.askFor('answers'), answers, 1000);
  const others = /^(?!traced|.*library-(table|code))/;
  checks.facts(say('applied'), await session.askFor('facts'), plain.facts, others);
  await tool('ulp-check', session.pid, metadata);

  await session.ask('hold');
  await tool('ulp-trigger', session.pid, metadata, '--revert');
  checks.answers(say('reverted while inside'), await session.askFor('go on'), answers, 1000);
  checks.answers(say('reverted'), await session.askFor('answers'), answers, 0);
  checks.facts(say('reverted'), await session.askFor('facts'), plain.facts);
}

/** Findings of eu-elflint, whatever the places; but for our note, of which it has not heard. */
function lint(library) {
  const { stdout } = runProgram('eu-elflint', ['--gnu-ld', library], { encoding: 'utf8' });
  const found = stdout.split('\n').filter((line) => !line.includes("with owner name 'ULP'"));
  return new Set(found.map((line) => line.replace(/ *(0x[\da-f]+|\d+)/g, 'N')));
}

/** A breakpoint by name stops once, under that name, with the program's main among the callers. */
function breakpoint(program, preload) {
  const commands = [
    ...['set debuginfod enabled off', 'set breakpoint pending on'],
    ...[`set environment LD_PRELOAD ${preload}`, 'break f_weak', 'run once', 'bt', 'continue'],
  ].flatMap((command) => ['-ex', command]);
  const { stdout } = runProgram('gdb', ['-nx', '-batch', ...commands, program], {
    encoding: 'utf8',
  });
  const stops = stdout.match(/^(Thread \d+ .* hit )?Breakpoint 1(\.\d+)?, .*$/gm) ?? [];
  const named = /^#0 .*\bf_weak \(/m.test(stdout) && / main \(/.test(stdout);
  const ended = /exited normally/.test(stdout);
  return { stops: stops.length, named, ended };
}

/** @returns checks of one row, built with one toolchain */
export async function measure({ room, row, toolchain, plain, preload }) {
  const checks = new Checks();
  const folder = join(room, row.name.replace(/\W+/g, '_'), toolchain.name);
  mkdirSync(folder, { recursive: true });
  const library = await buildLibrary(folder, row, toolchain);
  const metadata = await pack(room, folder, library);
  await afterwards(library, row);
  const before = lint(join(plain.folder, LIBRARY));
  for (const finding of lint(library)) checks.add(`eu-elflint: ${finding}`, before.has(finding));
  for (const mode of Object.keys(PROGRAMS)) {
    const program = await buildProgram(room, folder, mode);
    const expected = plain[mode];
    const bare = await factsWithout(program);
    checks.facts(`${mode}: without libpulp.so`, bare.facts, expected.facts);
    checks.answers(`${mode}: without libpulp.so`, bare.answers, expected.answers, 0);
    const session = await Session.start(program, preload);
    try {
      await patched(checks, mode, session, metadata, expected);
      await session.finish();
    } catch (error) {
      session.kill();
      throw error;
    }
  }
  const { stops, named, ended } = breakpoint(join(folder, 'pie'), preload);
  checks.add('gdb: f_weak, one stop', stops === 1 && ended, `${stops} stops`);
  checks.add('gdb: f_weak, named', named);
  return checks.all;
}

/** The same library as anybody would build it, and what programs say of it. */
export async function measurePlain(room, row) {
  const folder = join(room, row.name.replace(/\W+/g, '_'), 'plain');
  const library = await buildLibrary(folder, row);
  await afterwards(library, row);
  const plain = { folder };
  for (const mode of Object.keys(PROGRAMS))
    plain[mode] = await factsWithout(await buildProgram(room, folder, mode));
  return plain;
}
