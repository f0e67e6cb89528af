/** Two builds of small libraries, by gcc: what counts as a difference, and what does not. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cflags, ldflags } from '@ulp/runtime';
import { compareFiles, type Comparison } from '../src';
import { outputOf } from '../../../test-targets/harness/programs.cjs';

let room: string;
let count = 0;
beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), 'ulp-compare-'));
});
afterAll(() => rmSync(room, { recursive: true }));

interface Build {
  readonly flags?: readonly string[];
  readonly gate?: boolean;
  readonly cxx?: boolean;
}

/** Each source is a file of its own: a.c, b.c, … */
function build(
  sources: readonly string[],
  { flags = [], gate = false, cxx = false }: Build = {},
): string {
  const folder = join(room, `${count++}`);
  outputOf('mkdir', [folder]);
  const files = sources.map((source, i) => {
    const name = `${'abc'[i]}.${cxx ? 'cc' : 'c'}`;
    writeFileSync(join(folder, name), source);
    return name;
  });
  const own = gate ? [...cflags, ...ldflags()] : ['-Wl,--build-id'];
  const out = join(folder, 'lib.so');
  const args = ['-O2', '-fPIC', '-shared', ...own, ...flags, ...files, '-o', out];
  outputOf(cxx ? 'g++' : 'gcc', args, { cwd: folder });
  if (gate) outputOf(process.execPath, [join(__dirname, '../../elf/bin/ulp-dynsym-gate.js'), out]);
  return out;
}

const compare = (
  old: string | readonly string[],
  fixed: string | readonly string[],
  options?: Build,
): Comparison =>
  compareFiles(build([old].flat(), options), build([fixed].flat(), options)).comparison;

const changes = ({ functions }: Comparison): Record<string, string> =>
  Object.fromEntries(functions.map(({ name, change }) => [name, change]));

const LIBRARY = `
extern int printf(const char *, ...);
extern void *malloc(unsigned long);
static int table[] = { 1, 2, 3 };
static __thread int depth;
static int step(int x) { return x * 3 + table[x & 1]; }
int first(int x) { depth++; return printf("first %d\\n", step(x)); }
int second(int x) { return printf("second %d\\n", step(x) + 1) + depth; }
static __attribute__((noinline)) int helper(int x) { return x / 7; }
int third(int x) { return helper(x) + helper(x + 1); }
void *fourth(void) { return malloc(sizeof table); }
int (*pointer(void))(int) { return first; }
int choose(int x) {
  switch (x) {
    case 0: return printf("a"); case 1: return first(4); case 2: return second(5);
    case 3: return helper(6); case 4: return x << 7; case 5: return table[2];
    case 6: return printf("b"); default: return -1;
  }
}
double scale(double x) { return x * 1.25 + 0.5; }
`;

/** More of everything before it: all addresses differ, and distances. */
const MOVED = `
extern int printf(const char *, ...);
__thread int before_depth[9];
int before_data[77] = { 5 };
static __attribute__((noinline, used)) int before(double x) { return printf("before %f", x * 3.75); }
`;

test('the same source gives no differences, at whatever addresses', () => {
  expect(compare(LIBRARY, LIBRARY).functions).toEqual([]);
  const moved = compare(LIBRARY, MOVED + LIBRARY);
  expect(changes(moved)).toEqual({ before: 'onlyNew' });
  expect(moved.same).toBeGreaterThanOrEqual(9);
  expect(moved.data).toEqual([
    { name: 'before_data', change: 'onlyNew', isConstant: false, usedBy: [] },
  ]);
});

test('functions in another order, and aligned otherwise', () => {
  // Not of thread-local data: the compiler leaves its offsets in the code.
  const [one, other] = [LIBRARY, MOVED].map((text) =>
    text.replace(/.*__thread.*/, 'extern int depth;'),
  );
  const old = build([one ?? '', other ?? '']);
  const flags = ['-falign-functions=64', '-falign-loops=32'];
  const fixed = build([other ?? '', one ?? ''], { flags });
  expect(compareFiles(old, fixed).comparison.functions).toEqual([]);
});

test('a gated library is that which it was before', () => {
  const old = build([LIBRARY], { gate: true });
  const fixed = build([MOVED + LIBRARY], { flags: [...cflags, ...ldflags()] });
  expect(changes(compareFiles(old, fixed).comparison)).toEqual({ before: 'onlyNew' });
  expect(changes(compareFiles(fixed, old).comparison)).toEqual({ before: 'onlyOld' });
});

test('a change of a function that is inlined names where its code lives', () => {
  const fixed = LIBRARY.replace('return x * 3 +', 'return x * 5 +');
  expect(changes(compare(LIBRARY, fixed))).toEqual({ first: 'changed', second: 'changed' });
});

test.each([
  ['an instruction', 'x / 7', 'x / 9', { helper: 'changed' }],
  ['a string', '"second %d', '"Second %d', { second: 'changed' }],
  ['a constant', '1.25', '1.75', { scale: 'changed' }],
  [
    'where a case leads',
    'case 0: return printf("a"); case 1:',
    'case 1: return printf("a"); case 0:',
    { choose: 'changed' },
  ],
  [
    'which function is called',
    'helper(x) + helper(x + 1)',
    'first(x) + helper(x + 1)',
    { third: 'changed' },
  ],
  [
    'which function is imported',
    'return malloc(',
    'extern void *valloc(unsigned long); return valloc(',
    { fourth: 'changed' },
  ],
  ['which function is pointed to', 'return first;', 'return second;', { pointer: 'changed' }],
  [
    'a small number that is compared',
    'switch (x) {',
    'if (x == 77) return 1; switch (x) {',
    { choose: 'changed' },
  ],
])('%s', (_, from, to, expected) => {
  expect(LIBRARY).toContain(from);
  expect(changes(compare(LIBRARY, LIBRARY.replace(from, to)))).toEqual(expected);
});

const LINES = `
extern void failed(const char *, int);
extern int count;
#define CHECK(x) do { if (!(x)) failed(#x, __LINE__); } while (0)
int one(int x) { CHECK(x > 1); return x; }
int two(int x, int y) {
  CHECK(x > 2);
  CHECK(y > 2);
  return x + y; }
int fill(char *p) { __builtin_memset(p, 7, 300); return 300; }
`;

test('line numbers are told apart from code, and not dropped', () => {
  const fixed = LINES.replace('int one', '\n\n\nint one');
  expect(changes(compare(LINES, fixed))).toEqual({ one: 'numbers', two: 'numbers' });
});

test.each([
  ['a limit', 'x > 2', 'x > 3', { two: 'changed' }],
  ['lines that move apart', 'CHECK(x > 2);', '', { two: 'changed' }],
])('%s is code', (_, from, to, expected) => {
  expect(changes(compare(LINES, LINES.replace(from, to)))).toEqual(expected);
});

test('lines that move towards each other are no line numbers', () => {
  const swap = (a: number, b: number): string =>
    `extern int f(int); int g(void) { return f(${a}) * 3 + f(${b}); }`;
  expect(changes(compare(swap(10, 20), swap(11, 21)))).toEqual({ g: 'numbers' });
  expect(changes(compare(swap(10, 20), swap(11, 19)))).toEqual({ g: 'changed' });
});

test('variants and pieces belong to their function', () => {
  const source = (factor: number): string => `
    extern int h(int, int);
    static __attribute__((noinline)) int worker(int x, int mode) {
      for (int i = 0; i < x; i++) if (h(x, mode)) h(x * ${factor}, mode + 1);
      return mode; }
    int a(int x) { return worker(x, 5); }
    int b(int x) { return worker(x + 1, 5); }`;
  const flags = ['-fno-ipa-sra'];
  const { functions } = compare(source(3), source(5), { flags });
  expect(functions).toMatchObject([
    {
      name: 'worker',
      change: 'changed',
      pieces: [{ name: 'worker.constprop.0', change: 'changed' }],
    },
  ]);
});

test("the compiler's numbers do not matter", () => {
  const source = (before: string): string => `
    extern int h(const int *, int);
    ${before}
    static __attribute__((noinline)) int worker(int x, int mode) {
      static int calls; static const int list[] = { 1, 2, 3 };
      for (int i = 0; i < x; i++) if (h(list, mode)) h(&calls, mode + 1);
      return mode; }
    int a(int x) { return worker(x, 5); }
    int b(int x) { return worker(x + 1, 5); }`;
  const before = `static __attribute__((noinline)) int earlier(int x, int mode) {
      static int calls; static const int list[] = { 4, 5 };
      for (int i = 0; i < x; i++) if (h(list, mode)) h(&calls, mode * 2);
      return mode; }
    int c(int x) { return earlier(x, 6) + earlier(x + 1, 6); }`;
  expect(changes(compare(source(''), source(before)))).toEqual({
    c: 'onlyNew',
    earlier: 'onlyNew',
  });
});

test('static functions of one name, in two files', () => {
  const file = (name: string, factor: number): string =>
    `static __attribute__((noinline)) int twin(int x) { return x / ${factor}; } int ${name}(int x) { return twin(x) + 1; }`;
  const fixed = compare([file('f', 3), file('g', 5)], [file('f', 3), file('g', 6)]);
  expect(fixed.functions).toMatchObject([{ name: 'twin', file: 'b.c', change: 'changed' }]);
});

test('data whose first content changes, and who uses it', () => {
  const source = (value: number): string => `
    static const int limits[] = { 1, ${value}, 3 };
    static int level = ${value};
    int limit(int i) { return limits[i]; }
    int current(void) { return level++; }`;
  const { functions, data } = compare(source(2), source(4));
  expect(functions).toEqual([]);
  expect(data).toEqual([
    { name: 'level', change: 'changed', isConstant: false, usedBy: ['current'] },
    { name: 'limits', change: 'changed', isConstant: true, usedBy: ['limit'] },
  ]);
});

test('C++: exceptions, vtables and templates', () => {
  const source = (factor: number): string => `
    #include <stdexcept>
    #include <vector>
    struct Base { virtual ~Base() {} virtual int f(int x) { return x; } };
    struct Derived : Base { int f(int x) override { if (x < 0) throw std::runtime_error("less"); return x / ${factor}; } };
    Base *make() { return new Derived; }
    std::vector<int> some(int n) { std::vector<int> v; for (int i = 0; i < n; i++) v.push_back(i); return v; }`;
  expect(
    compare(source(3), `namespace { int before = 3; } int *p() { return &before; }${source(3)}`, {
      cxx: true,
    }).functions.map((f) => f.name),
  ).toEqual(['_Z1pv']);
  expect(changes(compare(source(3), source(7), { cxx: true }))).toEqual({
    _ZN7Derived1fEi: 'changed',
  });
});

test.each([
  '-Os',
  '-O0',
  '-O3',
  '-O1',
  '-fcf-protection=full',
  '-fno-plt',
  '-Wl,-Bsymbolic',
  '-Wl,-z,now',
  '-Wl,-z,pack-relative-relocs',
  '-mtls-dialect=gnu2',
  '-march=x86-64-v4',
  '-fno-jump-tables',
])('with %s', (flag) => {
  const options = { flags: [flag] };
  expect(changes(compare(LIBRARY, MOVED + LIBRARY, options))).toEqual({ before: 'onlyNew' });
  const fixed = LIBRARY.replace('x / 7', 'x / 9');
  expect(changes(compare(LIBRARY, fixed, options))).toEqual({ helper: 'changed' });
});
