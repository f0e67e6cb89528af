/**
 * The rows of the link matrix. A row is a way to build the library, or a view: the checks of
 * another row's build that concern one kind of symbol.
 *
 *   compile, link   what is added to the flags
 *   needs           a program that has to be there, else the row is left out
 *   then            what is done to the linked library before it is used
 *   of, checks      of a view: the row that is measured, and which of its checks count
 */
const strip = (...args) => [['strip', ...args, 'LIBRARY']];

export const ROWS = [
  { name: 'plain' },
  { name: '-Bsymbolic', link: ['-Wl,-Bsymbolic'] },
  { name: '-Bsymbolic-functions', link: ['-Wl,-Bsymbolic-functions'] },
  { name: '-z now', link: ['-Wl,-z,now'] },
  { name: 'RELR', link: ['-Wl,-z,pack-relative-relocs'] },
  {
    name: 'gc-sections',
    compile: ['-ffunction-sections', '-fdata-sections'],
    link: ['-Wl,--gc-sections'],
  },
  { name: 'LTO', compile: ['-flto=1'], lto: true },
  {
    name: 'IBT and SHSTK',
    compile: ['-fcf-protection=full'],
    link: ['-Wl,-z,ibt', '-Wl,-z,shstk', '-Wl,-z,cet-report=error'],
  },
  { name: '-fno-plt', compile: ['-fno-plt'] },
  { name: '--hash-style=sysv', link: ['-Wl,--hash-style=sysv'] },
  { name: '--hash-style=gnu', link: ['-Wl,--hash-style=gnu'] },
  { name: '--hash-style=both', link: ['-Wl,--hash-style=both'] },
  {
    name: 'symbol versions',
    compile: ['-DVERSIONS'],
    link: ['-Wl,--version-script=SOURCES/library.map'],
  },
  { name: 'weak', of: 'plain', checks: /f_weak/ },
  { name: 'alias', of: 'plain', checks: /f_alias/ },
  { name: 'protected', of: 'plain', checks: /f_protected/ },
  { name: 'hidden, static', of: 'plain', checks: /hidden|internal/ },
  { name: 'IFUNC', of: 'plain', checks: /ifunc/ },
  { name: 'function tables', of: 'plain', checks: /table/ },
  { name: 'cold functions', of: 'plain', checks: /f_cold/ },
  {
    name: 'C++: vtables, exceptions',
    of: 'plain',
    checks: /class|Shape|Square|throw|catch|except/,
  },
  { name: 'non-PIC executable', of: 'plain', checks: /^fixed: / },
  { name: 'canonical PLT', of: 'plain', checks: /^fixed: .*(pointer\.|dladdr|program-table)/ },
  { name: 'strip --strip-debug', then: strip('--strip-debug') },
  { name: 'strip --strip-unneeded', then: strip('--strip-unneeded') },
  { name: 'strip -s', then: strip('-s') },
  {
    name: 'debug file (objcopy)',
    then: [
      ['objcopy', '--only-keep-debug', 'LIBRARY', 'LIBRARY.debug'],
      ['objcopy', '--strip-unneeded', '--add-gnu-debuglink=LIBRARY.debug', 'LIBRARY'],
    ],
  },
  {
    name: 'debug file (eu-strip)',
    then: [['eu-strip', '-f', 'LIBRARY.debug', 'LIBRARY']],
  },
  { name: '-O0', compile: ['-O0'] },
  { name: '-Os', compile: ['-Os'] },
  { name: '-O3', compile: ['-O3'] },
  { name: 'gold', link: ['-fuse-ld=gold'], needs: 'ld.gold', linker: true },
];

export function row(name) {
  const found = ROWS.find((r) => r.name === name);
  if (!found)
    throw new Error(`no such row: ${name}; there are ${ROWS.map((r) => r.name).join('; ')}`);
  return found;
}

const OWN_LD = ['ld', 'plugin-ld', 'gcc'];

/** What is known not to hold, and why: docs/limits.md. Each is told below the table. */
export const LIMITS = [
  {
    says: 'a breakpoint on a function stops twice a call',
    rows: /^debug file/,
    checks: /^gdb: f_weak, one stop$/,
  },
  {
    says: 'backtrace_symbols(3) names no address inside of an exported function',
    toolchains: OWN_LD,
    checks: /: backtrace\.library$/,
  },
  {
    says: 'a breakpoint on a function of a stripped library stops twice a call',
    // --strip-unneeded takes all of .symtab from a shared library too.
    rows: /^strip (-s|--strip-unneeded)$/,
    toolchains: OWN_LD,
    checks: /^gdb: f_weak, one stop$/,
  },
];

/** The limit to which a failed check of a cell belongs. */
export const limitOf = (row, toolchain, check) =>
  LIMITS.find(
    ({ rows = /./, toolchains = [toolchain], checks }) =>
      rows.test(row) && toolchains.includes(toolchain) && checks.test(check),
  );
