/** Valid inputs to begin with: real libraries, built small, and where their numbers lie. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { outputOf } from '../harness/programs.cjs';

const require = createRequire(import.meta.url);
const elf = require('@ulp/elf');
const runtime = require('@ulp/runtime');

const SOURCE = `
int data[4] = {1, 2, 3, 4}, *pointers[8] = {data, data + 1, data + 2, data + 3};
extern int imported(int);
static __attribute__((noinline)) int quiet(int x) { return x * 3; }
int first(int x) { return imported(x) + quiet(x); }
int second_old(int x) { return x + 1; }
int second_new(int x) { return x + 2; }
__asm__(".symver second_old,second@FUZZ_1\\n .symver second_new,second@@FUZZ_2");
static int (*choose(void))(int) { return first; }
int chosen(int) __attribute__((ifunc("choose")));
`;
const VERSIONS = 'FUZZ_1 { global: first; chosen; local: *; };\nFUZZ_2 { } FUZZ_1;\n';

const run = (command, ...args) => outputOf(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });

/** Compiles the libraries into a directory, once. @returns their paths, by what they show */
export function buildLibraries(room) {
  mkdirSync(room, { recursive: true });
  const path = (name) => join(room, name);
  const [source, map] = [path('library.c'), path('library.map')];
  writeFileSync(source, SOURCE);
  writeFileSync(map, VERSIONS);
  const small = [
    '-shared',
    '-fPIC',
    '-Os',
    '-nostdlib',
    '-Wl,-z,noseparate-code',
    '-Wl,--build-id',
    '-Wl,-soname,libfuzz.so.1',
    `-Wl,--version-script=${map}`,
  ];
  run(
    'gcc',
    ...small,
    '-Wl,--hash-style=both',
    '-Wl,-z,pack-relative-relocs',
    '-o',
    path('versions.so'),
    source,
  );
  const cflags = runtime.cflags.filter((f) => f !== '');
  run('gcc', ...small, ...cflags, '-o', path('live.so'), source, ...runtime.ldflags());
  run('cp', path('live.so'), path('gated.so'));
  run(
    process.execPath,
    join(import.meta.dirname, '../../packages/elf/bin/ulp-dynsym-gate.js'),
    path('gated.so'),
  );
  return { versions: path('versions.so'), live: path('live.so'), gated: path('gated.so') };
}

/** The fields of one struct at an offset, as mutateBytes() wants them. */
export const fieldsOf = (struct, at) =>
  Object.entries(struct.fields).map(([name, { codec }]) => ({
    at: at + struct.offset[name],
    size: Math.min(8, codec.size),
  }));

const RECORDS = [
  [elf.SHT.SYMTAB, elf.Elf64_Sym],
  [elf.SHT.DYNSYM, elf.Elf64_Sym],
  [elf.SHT.RELA, elf.Elf64_Rela],
  [elf.SHT.RELR, elf.Elf64_Relr],
  [elf.SHT.DYNAMIC, elf.Elf64_Dyn],
  [elf.SHT.GNU_versym, elf.Elf64_Versym],
  [elf.SHT.GNU_verdef, elf.Elf64_Verdef],
  [elf.SHT.GNU_verneed, elf.Elf64_Verneed],
  [elf.SHT.HASH, elf.Elf64_Hash],
  [elf.SHT.GNU_HASH, elf.Elf64_GnuHash],
  [elf.SHT.NOTE, elf.Elf64_Nhdr],
];

/**
 * Where the numbers of an ELF file lie: headers three times, so that they are altered more often.
 */
function elfFields(path) {
  const file = elf.ElfFile.parse(readFileSync(path), path);
  const { header, segments, sections } = file;
  const heads = [
    ...fieldsOf(elf.Elf64_Ehdr, 0),
    ...segments.flatMap((_, i) =>
      fieldsOf(elf.Elf64_Phdr, Number(header.e_phoff) + i * elf.Elf64_Phdr.size),
    ),
    ...sections.flatMap((_, i) =>
      fieldsOf(elf.Elf64_Shdr, Number(header.e_shoff) + i * elf.Elf64_Shdr.size),
    ),
  ];
  const records = sections.flatMap(({ header: { sh_type }, offset, size }) => {
    const record = RECORDS.find(([type]) => type === sh_type)?.[1];
    const count = record ? Math.min(8, Math.floor(size / record.size)) : 0;
    return Array.from({ length: count }, (_, i) =>
      fieldsOf(record, offset + i * record.size),
    ).flat();
  });
  return [...heads, ...heads, ...records];
}

/** @returns `{bytes, fields}` of each library */
export const elfSeeds = (libraries) =>
  Object.values(libraries).map((path) => ({
    path,
    bytes: readFileSync(path),
    fields: elfFields(path),
  }));
