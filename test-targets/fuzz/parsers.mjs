/**
 * Every parser of foreign bytes: inputs that are valid, how they are altered, and what must hold.
 */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { elfSeeds, fieldsOf } from './corpus.mjs';
import { mutateBytes, mutateText } from './mutate.mjs';
import * as processes from './processes.mjs';

const require = createRequire(import.meta.url);
const { ByteView } = require('@ulp/core');
const elf = require('@ulp/elf');
const { encodeMetadata, decodeMetadata, isName } = require('@ulp/metadata');
const { layout } = require('@ulp/metadata/internals');
const { parseDescription } = require('@ulp/packer');
const packer = require('@ulp/packer/internals');
const { compareLibraries, dependencyIds, findFunction } = packer;
const { library, parseCopyNotes, SymbolIndex } = packer;
const { inspect, mappingAt, parseMaps } = require('@ulp/ptrace-ffi');
const { seccompVerdict } = require('@ulp/ptrace-ffi/borrowing');
const ptrace = require('@ulp/ptrace-ffi/internals');
const { isSixtyFourBit, notesAt, numbers, parseAsleep, parseAuxv } = ptrace;
const { parseExecStart, parseHeaders, parseMounts, parseRunTime, parseStat, parseStatus } = ptrace;

/** Thrown where a property does not hold. */
function hold(property, holds) {
  if (!holds) throw new Error(`does not hold: ${property}`);
}

const mutateSeed = (random, seeds) => {
  const { bytes, fields } = random.pick(seeds);
  return mutateBytes(random, bytes, fields);
};

/**
 * What is asked of a file that cannot be parsed says so once; the other questions are asked all the
 * same.
 */
const questions = (bytes, asked) => {
  const file = elf.ElfFile.parse(bytes, 'fuzz');
  let last;
  for (const ask of asked)
    try {
      ask(file);
    } catch (error) {
      if (error.name !== 'UlpError') throw error;
      last = error;
    }
  if (last) throw last;
};

const ofElf =
  (asked) =>
  ({ seeds }) => ({
    make: (random) => mutateSeed(random, seeds),
    run: (bytes) => questions(bytes, asked),
  });

const byType = (type, read) => (file) => file.sectionsOfType(type).forEach((s) => read(file, s));

const ELF_QUESTIONS = [
  elf.dynamicSymbols,
  elf.staticSymbols,
  elf.definedVersions,
  elf.dynamicRelocations,
  elf.relativeWords,
  elf.allNotes,
  elf.fileBuildId,
  elf.libraryNote,
  elf.requireSharedLibrary,
  elf.soname,
  elf.neededLibraries,
  byType(elf.SHT.HASH, elf.readHashTable),
  byType(elf.SHT.GNU_HASH, elf.readGnuHashTable),
  (file) => file.segments.forEach(({ header }) => file.bytesAt(header.p_vaddr, 8)),
];

/** The reader that a file has, over bytes. */
const readerOf = (bytes) => (offset, size) =>
  Number.isSafeInteger(offset + size) && offset >= 0 && size >= 0 && offset + size <= bytes.length
    ? Buffer.from(bytes.subarray(offset, offset + size))
    : undefined;

const functionNames = ({ seeds }) => ({
  make: (random) => mutateSeed(random, seeds),
  run(bytes) {
    const names = elf.FunctionNames.of(readerOf(bytes));
    for (let address = 0n; address < 0x3000n; address += 0x1f1n) names.at(address);
    for (const address of [1n << 47n, (1n << 64n) - 1n, -1n]) names.at(address);
  },
});

/** The first page, as it lies in memory, and the notes wherever its headers say. */
const elfInMemory = ({ seeds }) => ({
  make: (random) => mutateSeed(random, seeds),
  run(bytes) {
    for (const p of parseHeaders(bytes.subarray(0, 4096)) ?? []) {
      const at = Number(p.p_offset & 0xffffn);
      elf.buildIdOf(notesAt(bytes.subarray(at, at + 4096), p.p_vaddr, p.p_align));
    }
  },
});

const notes = ({ seeds }) => {
  const own = seeds.flatMap(({ path, bytes }) =>
    elf.ElfFile.parse(bytes, path)
      .sectionsOfType(elf.SHT.NOTE)
      .map(({ offset, size }) => ({
        bytes: bytes.subarray(offset, offset + size),
        fields: fieldsOf(elf.Elf64_Nhdr, 0),
      })),
  );
  return {
    make: (random) => mutateSeed(random, own),
    run(bytes) {
      for (const alignment of [4, 8]) {
        const found = elf.parseNotes(new ByteView(bytes, 'fuzz'), 0, bytes.length, alignment);
        hold('a note takes twelve bytes', found.length * 12 <= bytes.length);
        elf.buildIdOf(found);
      }
    },
  };
};

const EXAMPLE = (names) => ({
  patch: { path: '/p/fix.so', size: 15056, sha256: '11'.repeat(32), buildId: 'a1b2c3d4' },
  targets: names.map((name, i) => ({
    path: `/l/lib${name}.so.1`,
    soname: `lib${name}.so.1`,
    buildId: `e5f6a7${(16 + i).toString(16)}`,
    functions: [0n, 64n, 1n << 40n].map((at) => ({
      oldName: `${name}_${at}`,
      newName: `${name}_new`,
      oldAddress: 0x11e0n + at,
      oldSize: 19,
      entryOffset: at === 64n ? 0 : 4,
      newAddress: 0x1100n + at,
    })),
  })),
  dependencies: ['22'.repeat(32), '33'.repeat(32)],
});

const metadataSeeds = () =>
  [['x'], ['a', 'é', 'long'.repeat(50)]].map((names) => {
    const bytes = Buffer.from(encodeMetadata(EXAMPLE(names)));
    const head = layout.file_header.size;
    const fields = [
      ...fieldsOf(layout.file_header, 0),
      ...fieldsOf(layout.content_header, head),
      ...names.flatMap((_, i) =>
        fieldsOf(
          layout.target_record,
          head + layout.content_header.size + i * layout.target_record.size,
        ),
      ),
    ];
    return { bytes, fields };
  });

/** Makes both check sums right, so that what lies behind them is looked at. */
function mend(bytes) {
  const { size, offset } = layout.file_header;
  if (bytes.length < size) return bytes;
  const sha = (part) => createHash('sha256').update(part).digest();
  bytes.writeUInt32LE(bytes.length, offset.length);
  sha(bytes.subarray(size)).copy(bytes, offset.id);
  sha(bytes.subarray(0, offset.check)).copy(bytes, offset.check, 0, 8);
  return bytes;
}

const metadataOf = (run) => () => {
  const seeds = metadataSeeds();
  return {
    make: (random) => {
      const bytes = mutateSeed(random, seeds);
      return random.chance(90) ? mend(bytes) : bytes;
    },
    run,
  };
};

const roundTrip = (bytes) =>
  hold(
    'what decodes is encoded as it was',
    Buffer.compare(encodeMetadata(decodeMetadata(bytes, 'fuzz')), bytes) === 0,
  );

const depends = (bytes) => {
  const metadata = decodeMetadata(bytes, 'fuzz');
  dependencyIds([{ file: 'fuzz', metadata }], { sha256: '44'.repeat(32), buildId: 'ff' });
};

const ofText = (original, tokens, run) => () => ({
  make: (random) => mutateText(random, random.pick(original), tokens),
  run,
});

const DESCRIPTION =
  '! a comment\n/p/patch.so\n@/l/libx.so.1\nold:new\nold@V1:new2\nold@@V2:new3\n@/l/liby.so\n\xc3\xa9:x\n';
const MAPS = [
  '55d0c0000000-55d0c0001000 r--p 00000000 fe:01 1234                       /usr/bin/a b',
  '7f0000000000-7f0000001000 rw-s 0000f000 00:05 77                         /dev/shm/x\\012y (deleted)',
  '7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]',
  'ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n',
].join('\n');
const STAT = `4711 (a) (b\n) S 1 4711 4711 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 5 0 987654 1 2 18446744073709551615 1 1 0\n`;
const STATUS =
  'Name:\ta\\nb\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t1\nUid:\t0\t0\t0\t0\nNSpid:\t7\t1\nSeccomp:\t0\n';
const SPACE = [
  '\n',
  '\r',
  '\t',
  ' ',
  '\0',
  '\x1b[2J',
  '\x9b',
  '\xe2\x80\xae',
  '\xff',
  ':',
  '0',
  '-1',
  '99999999999999999999',
];

const maps = (bytes) => {
  const found = parseMaps(bytes.toString('latin1'));
  for (const address of [0n, 1n << 47n, (1n << 64n) - 1n]) mappingAt(found, address);
};
const stat = (bytes) => parseStat(bytes.toString('latin1'), 'fuzz');
const status = (bytes) => parseStatus(bytes.toString('latin1')).forEach((value) => numbers(value));

const ASLEEP = '232 0x4 0x7ffd0 0x10 0xffffffffffffffff 0x0 0x8 0x7ffd00001000 0x7f0000001234\n';
const SCHED = [
  'a\n--\n (4711, #threads: 2)',
  '-'.repeat(67),
  'se.exec_start                                :        987654.123456',
  'se.vruntime                                  :             0.000001\n',
].join('\n');
const MOUNTS = [
  '29 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=remount-ro',
  '31 29 0:47 / /a\\040-\\040b rw,nosuid - fuse.ours x rw,user_id=1000,group_id=1000\n',
].join('\n');
const mounts = (bytes) => {
  const found = parseMounts(bytes.toString('latin1'));
  const isWhole = ({ id, device, type }) => id !== '' && device !== '' && type !== '';
  hold('a mount has a number, a device and a type', found.every(isWhole));
  return found.length;
};

const COPIES = ['inlined\tf\tg\tlib.c', 'cloned\tf\tf.part.0\tlib.c', ''].join('\0');

const copies = (bytes) => {
  const found = parseCopyNotes(bytes);
  for (const [origin, notes] of found)
    for (const note of notes) {
      hold('a note is kept under its origin', note.origin === origin);
      hold('what it names are names', isName(note.origin) && isName(note.holder));
    }
  return found.size;
};

const words = (...values) => {
  const bytes = Buffer.alloc(values.length * 8);
  values.forEach((value, i) => bytes.writeBigUInt64LE(value, i * 8));
  return { bytes, fields: values.map((_, i) => ({ at: i * 8, size: 8 })) };
};

const auxv = () => {
  const seeds = [words(3n, 0x55d0c0000040n, 4n, 56n, 5n, 13n, 9n, 0x55d0c0001000n, 0n, 0n)];
  return {
    make: (random) => mutateSeed(random, seeds),
    run: (bytes) => isSixtyFourBit(parseAuxv(bytes.toString('latin1'), 'fuzz')),
  };
};

/**
 * Code, jumps when true and false, and k of each instruction: what libseccomp would make, and one
 * of each kind.
 */
const FILTERS = [
  [
    [0x20, 0, 0, 4],
    [0x15, 1, 0, 0xc000_003e],
    [0x06, 0, 0, 0],
    [0x20, 0, 0, 0],
    [0x35, 2, 0, 200],
    [0x15, 1, 0, 56],
    [0x06, 0, 0, 0x7fff_0000],
    [0x06, 0, 0, 0x0005_0001],
  ],
  [
    [0x00, 0, 0, 7],
    [0x02, 0, 0, 3],
    [0x61, 0, 0, 3],
    [0x80, 0, 0, 0],
    [0x04, 0, 0, 5],
    [0x2c, 0, 0, 0],
    [0x34, 0, 0, 3],
    [0x5c, 0, 0, 0],
    [0x64, 0, 0, 40],
    [0x84, 0, 0, 0],
    [0x07, 0, 0, 0],
    [0x87, 0, 0, 0],
    [0x05, 0, 0, 1],
    [0x06, 0, 0, 0x8000_0000],
    [0x16, 0, 0, 0],
  ],
];
const ACTIONS = ['allow', 'log', 'trace', 'notify', 'errno', 'trap', 'kill-thread', 'kill-process'];

/** ret SECCOMP_RET_KILL_PROCESS */
const KILLS = Buffer.from('0600000000000080', 'hex');

const seccomp = () => {
  const seeds = FILTERS.map((program) => {
    const bytes = Buffer.alloc(program.length * 8);
    program.forEach(([code, isTrue, isFalse, k], i) => {
      bytes.writeUInt16LE(code, i * 8);
      bytes.set([isTrue, isFalse], i * 8 + 2);
      bytes.writeUInt32LE(k, i * 8 + 4);
    });
    const fields = program.flatMap((_, i) => [
      { at: i * 8, size: 2 },
      { at: i * 8 + 2, size: 1 },
      { at: i * 8 + 3, size: 1 },
      { at: i * 8 + 4, size: 4 },
    ]);
    return { bytes, fields };
  });
  return {
    make: (random) => mutateSeed(random, seeds),
    run(bytes) {
      const actions = [0, 56, 435, -1].map((number) => {
        const call = { number, args: [1n, (1n << 64n) - 1n, -1n] };
        const { action, data } = seccompVerdict([bytes], call);
        hold('an action that there is', ACTIONS.includes(action));
        hold('an errno of 16 bits', Number.isInteger(data) && data >= 0 && data <= 0xffff);
        const twice = seccompVerdict([bytes, bytes], call);
        hold('twice is once', twice.action === action && twice.data === data);
        const killed = seccompVerdict([bytes, KILLS], call).action;
        hold('nothing is stricter than to kill', killed === 'kill-process');
        return action;
      });
      return actions.join(' ');
    },
  };
};

/** What is altered, beside what it was. */
const compare = ({ seeds }) => {
  const wholes = seeds.map(({ path, bytes }) => library(path, elf.ElfFile.parse(bytes, path)));
  return {
    make: (random) => mutateSeed(random, seeds),
    run(bytes) {
      const altered = library('fuzz', elf.ElfFile.parse(bytes, 'fuzz'));
      for (const whole of wholes) compareLibraries(whole, altered);
    },
  };
};

const WANTED = ['first', 'quiet', 'chosen', 'second@FUZZ_1', 'nothing'].map((text) => {
  const [name, version] = text.split('@');
  return { where: 'fuzz:1:1', line: 1, text, name, ...(version && { version }) };
});
const SYMBOL_QUESTIONS = [
  (file) => new SymbolIndex(file).imports(),
  (file) => new SymbolIndex(file).clones('first'),
  ...WANTED.map((wanted) => (file) => findFunction(new SymbolIndex(file), wanted)),
];

/**
 * name: of the context (`seeds`, `room`) -> `{make(random) -> bytes, run(bytes), end?()}`; `share`
 * of all cases.
 */
export const PARSERS = {
  elf: { share: 3, create: ofElf(ELF_QUESTIONS) },
  rewrite: { share: 1, create: ofElf([(file) => elf.rewrite(file), (file) => elf.planGate(file)]) },
  'symbol-index': { share: 1.5, create: ofElf(SYMBOL_QUESTIONS) },
  'function-names': { share: 4, create: functionNames },
  'elf-in-memory': { share: 15, create: elfInMemory },
  notes: { share: 30, create: notes },
  metadata: { share: 4, create: metadataOf(roundTrip) },
  depends: { share: 1, create: metadataOf(depends) },
  description: {
    share: 5,
    create: ofText(
      [DESCRIPTION],
      ['@', ':', '@@', '!', '/', ...SPACE, '\xc3\xa9', '\xef\xbb\xbf'],
      (b) => parseDescription(b, 'fuzz'),
    ),
  },
  maps: { share: 15, create: ofText([MAPS], ['rwxp', '-', ' (deleted)', '\\012', ...SPACE], maps) },
  stat: { share: 10, create: ofText([STAT], ['(', ')', ') S ', ...SPACE], stat) },
  status: { share: 10, create: ofText([STATUS], ['\nState:\tT', ...SPACE], status) },
  auxv: { share: 10, create: auxv },
  asleep: {
    share: 10,
    create: ofText(
      [ASLEEP, 'running\n', '-1 0x1 0x2\n'],
      [' 0x0', '0x', ' running', ...SPACE],
      (b) => parseAsleep(b.toString('latin1'))?.args.length,
    ),
  },
  'run-clock': {
    share: 10,
    create: ofText(
      [SCHED],
      ['\n--', 'se.exec_start : ', '.', ...SPACE],
      (b) => typeof parseExecStart(b.toString('latin1')),
    ),
  },
  'run-time': {
    share: 10,
    create: ofText(
      ['1234567 89 10\n', '0 0 0\n'],
      SPACE,
      (b) => typeof parseRunTime(b.toString('latin1')),
    ),
  },
  mounts: {
    share: 10,
    create: ofText([MOUNTS], [' - ', 'user_id=0', 'fuse', ...SPACE], mounts),
  },
  seccomp: { share: 10, create: seccomp },
  copies: { share: 5, create: ofText([COPIES], ['\0', '\t', 'inlined\t', ...SPACE], copies) },
  compare: { share: 0.2, create: compare },
  'link-map': { share: 0.1, create: processes.fuzzer((process) => process.linkMap()) },
  runtime: { share: 0.1, create: processes.fuzzer((process) => inspect(process)) },
};

export const seedsOf = elfSeeds;
