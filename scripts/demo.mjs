#!/usr/bin/env node
/**
 * `npm run demo [-- libxml2]`: patches a server while it answers, and takes the patch back.
 * Installs and builds what it needs, from a fresh clone.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { installDebianPackages } from './debian.mjs';
import { prepare, root } from './prepare.mjs';
import { startAsked } from '../test-targets/harness/asked.cjs';

const DEMO = join(root, 'test-targets/demo');
const ROOM = join(root, 'test-targets/build');
const bin = (name) => join(root, 'node_modules/.bin', name);
const tool = (name, ...args) => execFileSync(bin(name), args, { encoding: 'utf8' }).trim();
const say = (text = '') => console.log(text);

function compile(out, sources, ...args) {
  const inputs = sources.map((name) => join(DEMO, name));
  execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', ...inputs, '-o', out, ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return out;
}

/** A small library of our own: built, gated, and patched by another greeting. */
function greetingDemo(room) {
  const library = join(room, 'libgreeting.so');
  const flags = (what) => tool('ulp-runtime', what).split(' ');
  compile(
    library,
    ['greeting-library.c'],
    '-shared',
    '-fPIC',
    ...flags('cflags'),
    ...flags('ldflags'),
    '-Wl,-soname,libgreeting.so',
  );
  say(`  ${tool('ulp-dynsym-gate', library)}`);
  const patch = compile(
    join(room, 'patch.so'),
    ['greeting-patch.c'],
    '-shared',
    '-fPIC',
    '-Wl,--build-id',
  );
  const description = join(room, 'greeting.dsc');
  writeFileSync(description, `${patch}\n@${library}\ngreeting:new_greeting\n`);
  const metadata = join(room, 'greeting.ulp');
  tool('ulp-packer', description, '-o', metadata);
  const server = compile(
    join(room, 'server'),
    ['server.c', 'greeting.c'],
    library,
    `-Wl,-rpath,${room}`,
    '-pthread',
  );
  return { server, metadata, question: 'world', before: 'Hello, world', after: 'Good day, world' };
}

/** Debian's libxml2 before its fix of CVE-2025-6021, and the fix. */
async function libxml2Demo(room) {
  say('  building libxml2 from its Debian source (about a minute, the first time)');
  const { realLibrary } = await import('./real-library.mjs');
  const { library, folder, headers, metadata } = realLibrary('libxml2');
  const include = headers.map((header) => `-I${header}`);
  const server = compile(
    join(room, 'server'),
    ['server.c', 'qname.c'],
    library,
    ...include,
    `-Wl,-rpath,${folder}`,
    '-pthread',
  );
  return { server, metadata, question: '-1 svg path', before: 'svg:path', after: 'refused (NULL)' };
}

/** One connection; one question at a time. */
class Client {
  constructor(port) {
    this.socket = connect(port, '127.0.0.1');
    this.lines = createInterface({ input: this.socket })[Symbol.asyncIterator]();
  }

  async ask(line) {
    this.socket.write(`${line}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error('the server closed the connection');
    return value;
  }

  close() {
    this.socket.destroy();
  }
}

/** Two clients that ask a few hundred times a second until told to stop; counts the answers. */
class Traffic {
  constructor(port, question) {
    this.answers = new Map();
    this.running = true;
    this.done = Promise.all(
      [0, 1].map(async () => {
        const client = new Client(port);
        while (this.running) {
          const answer = await client.ask(question);
          this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
          await pause(2); // leaves the processors to the server's clock watcher and to the tool
        }
        client.close();
      }),
    );
  }

  async stop() {
    this.running = false;
    await this.done;
    return this.answers;
  }
}

/**
 * Runs a command beside the traffic; its time, and the longest stop that the server saw meanwhile.
 */
async function watched(control, command, args) {
  await control.ask('gap');
  const start = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (text) => (output += text));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
  return {
    ms: performance.now() - start,
    gap: Number(await control.ask('gap')),
    output: output.trim(),
  };
}

/** The tool's own threads shall not take the server's processor: what is shown is the stop. */
const onOneProcessor = (...command) => ['taskset', ['-c', '0', ...command]];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const us = (gap) => `${Math.round(gap)} us`;

async function show({ server, metadata, question, before, after }) {
  const env = { LD_PRELOAD: tool('ulp-runtime', 'path', 'libpulp.so') };
  const child = await startAsked(server, { env });
  try {
    const port = Number(child.ready);
    const control = new Client(port);
    const traffic = new Traffic(port, question);
    const expectAnswer = async (expected) => {
      const answer = await control.ask(question);
      say(`  asked "${question}": "${answer}"`);
      if (answer !== expected) throw new Error(`expected "${expected}"`);
    };
    say(`\nThe server (process ${child.pid}) answers on port ${port}`);
    await expectAnswer(before);
    await pause(300);
    const quiet = await watched(
      control,
      ...onOneProcessor(bin('ulp-trigger'), String(child.pid), metadata, '--dry-run'),
    );

    say('\nulp-trigger applies the patch, while requests run');
    const applied = await watched(
      control,
      ...onOneProcessor(bin('ulp-trigger'), String(child.pid), metadata),
    );
    say(`  ${applied.output}; the command took ${applied.ms.toFixed(0)} ms`);
    say(
      `  longest stop that the server saw: ${us(applied.gap)} (${us(quiet.gap)} during a dry run, which stops nobody)`,
    );
    say(`  ${tool('ulp-check', String(child.pid), metadata, '--wait', '1000')}`);
    await expectAnswer(after);
    await pause(300);

    say('\nulp-trigger --revert takes it back');
    const reverted = await watched(
      control,
      ...onOneProcessor(bin('ulp-trigger'), String(child.pid), metadata, '--revert'),
    );
    say(`  ${reverted.output}; longest stop that the server saw: ${us(reverted.gap)}`);
    await expectAnswer(before);

    const answers = await traffic.stop();
    control.close();
    say('\nAll answers, under load, over the whole time');
    for (const [answer, count] of answers) say(`  ${String(count).padStart(8)} × "${answer}"`);
    const strange = [...answers.keys()].filter((answer) => answer !== before && answer !== after);
    if (strange.length > 0) throw new Error(`unexpected answers: ${strange.join(', ')}`);
  } finally {
    child.kill('SIGTERM');
  }
}

const which = process.argv[2];
if (which !== undefined && which !== 'libxml2') {
  console.error('usage: npm run demo [-- libxml2]');
  process.exit(2);
}
say('Preparing (installing and building what is missing)');
if (which === 'libxml2') installDebianPackages();
prepare({ quiet: true });
mkdirSync(ROOM, { recursive: true });
const room = mkdtempSync(join(ROOM, 'demo-'));
try {
  await show(which === 'libxml2' ? await libxml2Demo(room) : greetingDemo(room));
  say('\nDone.');
} finally {
  rmSync(room, { recursive: true });
}
