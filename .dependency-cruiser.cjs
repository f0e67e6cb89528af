/**
 * The architecture (docs/architecture.md) as rules of who imports whom, for packages, tests, test
 * targets, benchmarks and scripts. `npm run check:layers` holds them.
 *
 * tsconfig.sources.json leads `@ulp/NAME` to the source of that package: an import by name is an
 * alias here, and its target the module that it means.
 */

/** Each package, and the packages that it may import. A later one is built upon earlier ones. */
const PACKAGES = {
  core: [],
  cli: ['core'],
  elf: ['core'],
  metadata: ['core'],
  packer: ['core', 'elf', 'metadata'],
  'ptrace-ffi': ['core', 'elf'],
  trigger: ['core', 'elf', 'metadata', 'ptrace-ffi'],
  dispatcher: ['core', 'metadata', 'ptrace-ffi', 'trigger'],
  runtime: ['core'],
};

/** The folders in src of a package, and what each may import beside what lies there. */
const FOLDERS = {
  'ptrace-ffi': {
    proc: ['native.ts', 'sleep.ts'],
    ptrace: ['proc/', 'native.ts', 'sleep.ts'],
    images: ['proc/'],
    runtime: ['images/', 'proc/', 'process.ts'],
  },
  trigger: {
    calls: [],
    examine: [],
    check: ['examine/'],
    borrow: ['calls/'],
    choose: ['borrow/', 'calls/'],
    helper: ['choose/', 'borrow/', 'calls/', 'examine/'],
  },
};

const folderOf = (name) => (name === 'runtime' ? 'runtime' : `packages/${name}`);
const under = (names) => `^(${names.map(folderOf).join('|')})/`;
const error = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

/** Files of a package, and of any part of the repository; the part is the group for `$1`. */
const PACKAGE = '^(packages/[^/]+|runtime)/';
const PART = '^(packages/[^/]+|runtime|test-targets|bench|scripts)/';
/** What is never installed by a user. */
const AROUND = '^(packages/[^/]+|runtime)/(test|scripts)/|^(test-targets|bench|scripts)/';

module.exports = {
  forbidden: [
    error('no-cycles', 'Move what both need to a module of its own.', {}, { circular: true }),

    error('resolvable', 'There is no such module.', {}, { couldNotResolve: true }),

    error(
      'one-file-has-the-ffi',
      'Only libc.ts calls foreign functions: everything else calls libc.ts.',
      { pathNot: '^packages/ptrace-ffi/src/libc\\.ts$' },
      { path: '(^|/)(ffi-napi|ref-napi)(/|$)' },
    ),

    error(
      'by-name',
      'Another package is imported by its name, @ulp/NAME: no import reaches into its src or test.',
      { path: PART },
      { path: PACKAGE, pathNot: '^$1/', dependencyTypesNot: ['aliased'] },
    ),

    error(
      'one-harness',
      'What the tests of packages share is test-targets/harness; it is imported by its path.',
      { path: PACKAGE },
      { path: '^(test-targets|bench)/', pathNot: '^test-targets/harness/' },
    ),

    error(
      'no-dist',
      'What is built is imported by the name of its package. (The stubs of the bins lead there.)',
      { pathNot: '^(packages/[^/]+|runtime)/bin/' },
      { path: '^(packages/[^/]+|runtime)/dist/' },
    ),

    ...Object.entries(PACKAGES).map(([name, mayImport]) =>
      error(
        `below-${name}`,
        `${name} is built upon: ${mayImport.join(', ') || 'no other package'}. Tests may build with runtime.`,
        { path: under([name]), pathNot: '/src/cli/|/test/' },
        { path: PACKAGE, pathNot: under([name, ...mayImport]) },
      ),
    ),
    ...Object.entries(PACKAGES).map(([name, mayImport]) =>
      error(
        `below-tests-of-${name}`,
        `A test of ${name} may import what ${name} may, and runtime, to build what it tests.`,
        { path: `${under([name])}test/` },
        { path: PACKAGE, pathNot: under([name, 'runtime', ...mayImport]) },
      ),
    ),
    ...Object.entries(PACKAGES).map(([name, mayImport]) =>
      error(
        `below-bins-of-${name}`,
        `A bin of ${name} may import what ${name} may, and cli.`,
        { path: `${under([name])}src/cli/` },
        { path: PACKAGE, pathNot: under([name, 'cli', ...mayImport]) },
      ),
    ),

    ...Object.entries(FOLDERS).flatMap(([name, folders]) =>
      Object.entries(folders).map(([folder, mayImport]) =>
        error(
          `${name}-${folder}`,
          `${folder} of ${name} is built upon: ${mayImport.join(', ') || 'nothing else there'}.`,
          { path: `^packages/${name}/src/${folder}/` },
          {
            path: `^packages/${name}/src/`,
            pathNot: `^packages/${name}/src/(${[`${folder}/`, ...mayImport].join('|')})`,
          },
        ),
      ),
    ),

    error(
      'bins-are-the-edge',
      'src/cli reads arguments and prints: nothing else imports it.',
      { path: '/src/', pathNot: '/src/cli/' },
      { path: '/src/cli/' },
    ),

    error(
      'product-alone',
      'What is shipped imports no test, test target, benchmark or script.',
      { path: '^(packages/[^/]+|runtime)/(src|bin)/' },
      { path: AROUND },
    ),

    error(
      'borrowing-is-for-trigger',
      'ptrace-ffi/borrowing is no API: trigger alone borrows threads.',
      { pathNot: `${AROUND}|^packages/(trigger|ptrace-ffi)/src/` },
      { path: '^packages/ptrace-ffi/src/borrowing\\.ts$' },
    ),

    error(
      'internals-are-for-tests',
      'NAME/internals is no API: tests, benchmarks and the fuzzer look into packages with it.',
      { pathNot: AROUND },
      { path: '/src/internals\\.ts$' },
    ),
  ],
  options: {
    doNotFollow: { path: ['node_modules', '/dist/', '/build/'] },
    exclude: { path: ['/build/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.sources.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['require', 'node', 'import', 'types', 'default'],
    },
  },
};
