/**
 * The evaluator of seccomp filters: instruction by instruction, and against the kernel, with random
 * filters and calls.
 */
import fc from 'fast-check';
import { seccompVerdict, type SeccompFilter, type SystemCall } from '@ulp/ptrace-ffi/borrowing';
import { cleanUp, compile } from './target';
import { outputOf } from '../../../test-targets/harness/programs.cjs';

afterAll(cleanUp);

/** One struct sock_filter; see <linux/bpf_common.h>. */
type Instruction = readonly [code: number, jt: number, jf: number, k: number];

function assemble(program: readonly Instruction[]): SeccompFilter {
  const bytes = Buffer.alloc(8 * program.length);
  program.forEach(([code, jt, jf, k], i) => {
    bytes.writeUInt16LE(code, 8 * i);
    bytes.writeUInt8(jt, 8 * i + 2);
    bytes.writeUInt8(jf, 8 * i + 3);
    bytes.writeUInt32LE(k >>> 0, 8 * i + 4);
  });
  return bytes;
}

const LD_W_ABS = 0x20;
const LD_IMM = 0x00;
const LD_MEM = 0x60;
const LD_LEN = 0x80;
const LDX_IMM = 0x01;
const LDX_MEM = 0x61;
const LDX_LEN = 0x81;
const ST = 0x02;
const STX = 0x03;
const ALU = { add: 0x04, sub: 0x14, mul: 0x24, div: 0x34, or: 0x44, and: 0x54, lsh: 0x64 } as const;
const RSH = 0x74;
const NEG = 0x84;
const XOR = 0xa4;
const JA = 0x05;
const JEQ = 0x15;
const JGT = 0x25;
const JGE = 0x35;
const JSET = 0x45;
const BY_X = 0x08;
const RET_K = 0x06;
const RET_A = 0x16;
const TAX = 0x07;
const TXA = 0x87;
const RET = {
  killProcess: 0x8000_0000,
  killThread: 0,
  trap: 0x3_0000,
  errno: 0x5_0000,
  notify: 0x7fc0_0000,
  trace: 0x7ff0_0000,
  log: 0x7ffc_0000,
  allow: 0x7fff_0000,
} as const;

const verdict = (program: readonly Instruction[], call: SystemCall = { number: 39, args: [] }) =>
  seccompVerdict([assemble(program)], call);

/** The value of A after these instructions, of 16 bits, told as an errno. */
const valueOf = (...program: Instruction[]): number =>
  verdict([...program, [ALU.and, 0, 0, 0xffff], [ALU.or, 0, 0, RET.errno], [RET_A, 0, 0, 0]]).data;

test('each action has its name, and its data', () => {
  expect(verdict([[RET_K, 0, 0, RET.allow]]).action).toBe('allow');
  for (const [name, value, action] of [
    ['kill-process', RET.killProcess, 'kill-process'],
    ['kill-thread', RET.killThread, 'kill-thread'],
    ['trap', RET.trap, 'trap'],
    ['errno', RET.errno, 'errno'],
    ['notify', RET.notify, 'notify'],
    ['trace', RET.trace, 'trace'],
    ['log', RET.log, 'log'],
    ['what is unknown', 0x1234_0000, 'kill-process'],
  ] as const)
    expect({ name, ...verdict([[RET_K, 0, 0, value + 7]]) }).toEqual({ name, action, data: 7 });
});

test('arithmetic is of 32 bits without a sign', () => {
  expect(valueOf([LD_IMM, 0, 0, 0xffff_ffff], [ALU.add, 0, 0, 3])).toBe(2);
  expect(valueOf([LD_IMM, 0, 0, 1], [ALU.sub, 0, 0, 2], [RSH, 0, 0, 24])).toBe(0xff);
  expect(valueOf([LD_IMM, 0, 0, 0x1_0001], [ALU.mul, 0, 0, 0x1_0001], [RSH, 0, 0, 16])).toBe(2);
  expect(valueOf([LD_IMM, 0, 0, 0x8000_0000], [ALU.div, 0, 0, 0x1_0000])).toBe(0x8000);
  expect(valueOf([LD_IMM, 0, 0, 1], [NEG, 0, 0, 0], [RSH, 0, 0, 16])).toBe(0xffff);
  expect(valueOf([LD_IMM, 0, 0, 6], [XOR, 0, 0, 3], [ALU.lsh, 0, 0, 4])).toBe(0x50);
});

test('a division by an X of zero ends the filter with 0, which kills', () => {
  const { action } = verdict([
    [LD_IMM, 0, 0, 8],
    [LDX_IMM, 0, 0, 0],
    [ALU.div | BY_X, 0, 0, 0],
    [RET_K, 0, 0, RET.allow],
  ]);
  expect(action).toBe('kill-thread');
});

test('loads: number, architecture, both halves of an argument, memory, length', () => {
  const call = { number: 77, args: [0n, 0x1122_3344_5566_7788n, -1n] };
  const loaded = (at: number): number =>
    verdict(
      [
        [LD_W_ABS, 0, 0, at],
        [ALU.and, 0, 0, 0xffff],
        [ALU.or, 0, 0, RET.errno],
        [RET_A, 0, 0, 0],
      ],
      call,
    ).data;
  expect([0, 4, 24, 28, 36].map(loaded)).toEqual([77, 0x3e, 0x7788, 0x3344, 0xffff]);
  expect(valueOf([LD_IMM, 0, 0, 5], [ST, 0, 0, 3], [LD_IMM, 0, 0, 0], [LD_MEM, 0, 0, 3])).toBe(5);
  expect(valueOf([LDX_IMM, 0, 0, 6], [STX, 0, 0, 15], [LDX_MEM, 0, 0, 15], [TXA, 0, 0, 0])).toBe(6);
  expect(valueOf([LD_LEN, 0, 0, 0])).toBe(64);
  expect(valueOf([LDX_LEN, 0, 0, 0], [TXA, 0, 0, 0])).toBe(64);
});

test('a filter that asks where the call is made is supposed to kill', () => {
  for (const at of [8, 12])
    expect(
      verdict([
        [LD_W_ABS, 0, 0, at],
        [RET_K, 0, 0, RET.allow],
      ]).action,
    ).toBe('kill-process');
});

test('of several filters the strictest counts, of equal ones the newest', () => {
  const filters = (...values: number[]) => values.map((k) => assemble([[RET_K, 0, 0, k]]));
  const call = { number: 39, args: [] };
  expect(seccompVerdict(filters(RET.allow, RET.errno + 1, RET.log), call)).toEqual({
    action: 'errno',
    data: 1,
  });
  expect(seccompVerdict(filters(RET.errno + 2, RET.errno + 1), call)).toEqual({
    action: 'errno',
    data: 2,
  });
  expect(seccompVerdict(filters(RET.killThread, RET.killProcess), call).action).toBe(
    'kill-process',
  );
  expect(seccompVerdict([], call).action).toBe('allow');
});

/**
 * They do nothing whatever their arguments are, and return a positive number. The programs of this
 * test need all others.
 */
const NUMBERS = [39, 110, 111, 186];
const OTHERS_ALLOWED: readonly Instruction[] = [
  [LD_W_ABS, 0, 0, 0],
  ...NUMBERS.map((number, i): Instruction => [JEQ, NUMBERS.length - i, 0, number]),
  [RET_K, 0, 0, RET.allow],
];

/** Small numbers meet each other, large ones find mistakes of sign. */
const word = fc.oneof(
  fc.nat(70),
  fc.constantFrom(0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff, 0x1_0000, ...NUMBERS),
  fc.nat(0xffff_ffff),
);
const value = fc
  .tuple(fc.constantFrom(...Object.values(RET), 0x1234_0000), fc.nat(300))
  .map(([action, data]) => action + data);
const arithmetic = fc.constantFrom(...Object.values(ALU), RSH, XOR);
const slot = fc.nat(15);
/** Without the address of the call. */
const data = fc
  .constantFrom(0, 1, ...Array.from({ length: 12 }, (_, i) => i + 4))
  .map((i) => 4 * i);
const shift = (code: number): boolean => code === ALU.lsh || code === RSH;

const straight: fc.Arbitrary<Instruction> = fc.oneof(
  data.map((k): Instruction => [LD_W_ABS, 0, 0, k]),
  fc.tuple(fc.constantFrom(LD_IMM, LDX_IMM), word).map(([code, k]): Instruction => [code, 0, 0, k]),
  fc
    .tuple(fc.constantFrom(ST, STX, LD_MEM, LDX_MEM), slot)
    .map(([code, k]): Instruction => [code, 0, 0, k]),
  fc.constantFrom(LD_LEN, LDX_LEN, NEG, TAX, TXA).map((code): Instruction => [code, 0, 0, 0]),
  fc
    .tuple(arithmetic, word)
    .map(([code, k]): Instruction => [code, 0, 0, shift(code) ? k & 31 : k || 1]),
  arithmetic.map((code): Instruction => [code | BY_X, 0, 0, 0]),
);
const jump: fc.Arbitrary<Instruction> = fc
  .tuple(fc.constantFrom(JEQ, JGT, JGE, JSET), fc.constantFrom(0, BY_X), fc.nat(2), fc.nat(2), word)
  .map(([code, by, jt, jf, k]): Instruction => [code | by, jt, jf, by ? 0 : k]);
const skip = fc.nat(2).map((k): Instruction => [JA, 0, 0, k]);
const end = fc.oneof(
  value.map((k): Instruction => [RET_K, 0, 0, k]),
  fc.constant<Instruction>([RET_A, 0, 0, 0]),
);
const body = fc.array(
  fc.oneof({ weight: 5, arbitrary: straight }, { weight: 2, arbitrary: jump }, skip, end),
  { maxLength: 14 },
);
/** Three returns at the end, so that every jump leads to somewhere. */
const filter = fc.tuple(body, value, value, value).map(([inner, ...last]) => [
  ...OTHERS_ALLOWED,
  // All of its memory is written, as the kernel demands before it is read.
  ...Array.from({ length: 16 }, (_, i): Instruction => [ST, 0, 0, i]),
  ...inner,
  ...last.map((k): Instruction => [RET_K, 0, 0, k]),
]);
const argument = fc.oneof(fc.bigInt(0n, 70n), fc.bigInt(0n, 2n ** 64n - 1n));
const sample = fc.record({
  filters: fc.array(filter, { minLength: 1, maxLength: 3 }),
  number: fc.constantFrom(...NUMBERS),
  args: fc.array(argument, { minLength: 6, maxLength: 6 }),
});

const ENOSYS = 38;
const MAX_ERRNO = 4095;

/** In the words of programs/seccomp-oracle.c: nobody traces or supervises its children. */
function foretold(filters: readonly SeccompFilter[], call: SystemCall): string {
  const { action, data: found } = seccompVerdict(filters, call);
  switch (action) {
    case 'allow':
    case 'log':
      return 'ran';
    case 'errno':
      return `errno ${Math.min(found, MAX_ERRNO)}`;
    case 'trace':
    case 'notify':
      return `errno ${ENOSYS}`;
    case 'trap':
      return `trap ${found}`;
    default:
      return 'kill';
  }
}

const CASES = Number(process.env.ULP_TEST_FILTERS ?? 2000);

test('the kernel does what is foretold, for random filters and calls', () => {
  const seed = Number(process.env.ULP_TEST_SEED ?? 1);
  const cases = fc.sample(sample, { numRuns: CASES, seed }).map(({ filters, number, args }) => ({
    filters: filters.map(assemble),
    call: { number, args },
  }));
  const lines = cases.map(({ filters, call }) => {
    const hex = [...filters].reverse().map((bytes) => Buffer.from(bytes).toString('hex'));
    return `${hex.join(',')} ${call.number} ${call.args.join(' ')}\n`;
  });
  const oracle = compile('seccomp-oracle');
  const said = outputOf(oracle, { input: lines.join(''), encoding: 'utf8' })
    .trim()
    .split('\n');
  expect(said).toHaveLength(CASES);
  const seen = new Map<string, number>();
  said.forEach((happened, i) => {
    const kind = happened.split(' ')[0] ?? '';
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    const { filters, call } = cases[i] as (typeof cases)[number];
    if (happened !== 'rejected')
      expect({ line: lines[i], happened }).toEqual({
        line: lines[i],
        happened: foretold(filters, call),
      });
  });
  expect(seen.get('rejected') ?? 0).toBeLessThan(CASES / 20);
  for (const kind of ['ran', 'errno', 'trap', 'kill'])
    expect(seen.get(kind) ?? 0).toBeGreaterThan(CASES / 20);
});
