/** The libraries, the patches and the program of the random programs. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { outputOf } from '../harness/programs.cjs';

const here = import.meta.dirname;
const bin = (name) => join(here, '../../node_modules/.bin', name);
const tool = (name, ...args) => outputOf(bin(name), args, { encoding: 'utf8' }).trim();
const LETTERS = ['a', 'b', 'c'];
const PROGRAM = ['program', 'nodes', 'views', 'typed', 'handlers', 'coroutines'];
/** Another libpulp.so and trm.o to test: scripts/mutations.mjs. */
const OTHER = process.env.ULP_TEST_RUNTIME;

export const preload = () =>
  OTHER ? join(OTHER, 'libpulp.so') : tool('ulp-runtime', 'path', 'libpulp.so');

function flags(what) {
  const words = tool('ulp-runtime', what).split(' ');
  return words.map((word) => (OTHER && word.endsWith('/trm.o') ? join(OTHER, 'trm.o') : word));
}

function compile(out, sources, ...args) {
  const files = sources.map((name) => join(here, `${name}.cc`));
  outputOf('g++', ['-O2', '-g', '-Wall', '-Wextra', '-Werror', '-o', out, ...files, ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

/** A sibling call is a jump: without it none of this tests what it says. */
function expectSiblingCalls(library, letter) {
  const text = outputOf('objdump', ['-d', '--no-show-raw-insn', library], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  for (let i = 0; i < 4; i++) {
    const body = text.split(`<${letter}_step${i}>:\n`)[1]?.split('\n\n')[0] ?? '';
    if (!/jmp +\*/.test(body) || !/jmp .*<random_back/.test(body))
      throw new Error(`${library}: ${letter}_step${i} makes no sibling calls`);
  }
}

/** What patches.def says. @param mixed with what stands under #ifdef MIXED */
function patches(mixed) {
  const [always, , more] = readFileSync(join(here, 'patches.def'), 'utf8').split(
    /#(ifdef MIXED|endif)/,
  );
  const text = mixed ? always + more : always;
  const found = [];
  for (const [, n, library, name] of text.matchAll(/^COVERS\((\d), (\w), (\w+)\)/gm)) {
    found[n] ??= { functions: [], depends: [] };
    found[n].functions.push({ library, name });
  }
  for (const [, n, other] of text.matchAll(/^DEPENDS\((\d), (\d)\)/gm))
    found[n].depends.push(Number(other));
  return found;
}

/** @returns {{program: string, copier: string, patches: {file: string, depends: number[]}[]}} */
export function build(folder, { mixed = false } = {}) {
  mkdirSync(folder, { recursive: true });
  const shared = ['-shared', '-fPIC', ...(mixed ? ['-DMIXED'] : [])];
  const libraries = LETTERS.map((letter, number) => {
    const file = `librandom-${letter}.so`;
    const out = join(folder, file);
    compile(
      ...[out, ['library'], ...shared, `-DLETTER=${letter}_`, `-DNUMBER=${number}`],
      ...[`-Wl,-soname,${file}`, '-Wl,-Bsymbolic', ...flags('cflags'), ...flags('ldflags')],
    );
    tool('ulp-dynsym-gate', out);
    expectSiblingCalls(out, letter);
    return out;
  });
  const program = join(folder, 'program');
  compile(
    ...[program, PROGRAM, ...libraries, `-Wl,-rpath,${folder}`, '-rdynamic', '-pthread'],
    ...(mixed ? ['-DMIXED'] : []),
  );
  // By its name the runtime knows that there is something which copies stacks.
  const copier = join(folder, 'random_greenlet.so');
  outputOf('gcc', ['-shared', '-x', 'c', '/dev/null', '-o', copier]);
  const built = [];
  patches(mixed).forEach(({ functions, depends }, n) => {
    const so = join(folder, `patch${n}.so`);
    compile(so, ['patch'], ...shared, '-Wl,--build-id', `-DVERSION=${n + 1}`);
    const lines = [so];
    for (const letter of LETTERS) {
      const names = functions.filter(({ library }) => library === letter).map(({ name }) => name);
      if (names.length > 0) lines.push(`@${libraries[LETTERS.indexOf(letter)]}`);
      lines.push(...names.map((name) => `${letter}_${name}:new_${letter}_${name}`));
    }
    const description = join(folder, `patch${n}.dsc`);
    writeFileSync(description, `${lines.join('\n')}\n`);
    const file = join(folder, `patch${n}.ulp`);
    const below = depends.map((other) => built[other].file);
    tool(
      'ulp-packer',
      description,
      '-o',
      file,
      ...(below.length > 0 ? ['--depends', ...below] : []),
    );
    built.push({ file, depends });
  });
  return { program, copier, patches: built };
}
