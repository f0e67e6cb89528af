/**
 * The patched compilers: cc1, cc1plus, lto1 and lto-wrapper, which Debian's gcc-12 finds by -B.
 * Configured as Debian configures its own where that shows in what they write or where they look,
 * so that Debian's driver, assembler, headers, libgcc and libstdc++ are used with them.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = '/usr/src/gcc-12';
/** Languages that are not built here, and whose sources the archive does not hold. */
const OTHERS = /^(gm2|gdc|ada|go|libgo)-?/;

/** Debian's list of its patches is a makefile; make(1) is asked for it. */
const LIST = `derivative = Debian
distrelease = bookworm
DEB_TARGET_ARCH = amd64
PKGSOURCE = gcc-12
GFDL_INVARIANT_FREE = yes
with_multiarch_cxxheaders = yes
multilib = yes
all: ; @echo $(debian_patches)
include ${FOLDER}/debian/rules.patch
`;

/** What debian/rules.patch generates; Debian 12 on amd64 has no other default than this. */
const DEFAULTS = `#ifndef ACCEL_COMPILER
#define DIST_DEFAULT_ASYNC_UNWIND 1
#endif
`;

/** The specs by which Debian's driver passes -mlive-patchable on. */
const SPECS = `*cc1_options:
+ %{mlive-patchable:} %{mno-live-patchable:}
`;

async function debianPatches(shop, tree) {
  const makefile = join(shop.room, 'patches.mk');
  writeFileSync(makefile, LIST);
  const names = shop.output('make', ['-s', '-f', makefile, 'all']).split(' ');
  for (const name of names.filter((patch) => !OTHERS.test(patch))) {
    const file = join(FOLDER, 'debian/patches', `${name}.diff`);
    await shop.run('patch', ['-s', '-E', '-p2', '--batch', '-i', file], { cwd: tree });
  }
  writeFileSync(join(tree, 'gcc/distro-defaults.h'), DEFAULTS);
}

export const gcc = {
  name: 'gcc',
  summary: "Debian's gcc 12 with -mlive-patchable (about 15 minutes on 2 processors)",
  packages: [
    ...['gcc-12-source', 'gcc-12', 'g++-12', 'g++', 'libc6-dev', 'make', 'patch', 'xz-utils'],
    ...['flex', 'bison', 'libgmp-dev', 'libmpfr-dev', 'libmpc-dev', 'libisl-dev', 'zlib1g-dev'],
  ],
  archive: { folder: FOLDER, name: /^gcc-([\d.]+)-dfsg\.tar\.xz$/, version: '12.2.0' },
  series: 'gcc',
  installs: ['gcc/cc1', 'gcc/cc1plus', 'gcc/lto1', 'gcc/lto-wrapper', 'gcc/live-patchable.specs'],
  async build(shop) {
    await shop.source((tree) => debianPatches(shop, tree));
    const machine = 'x86_64-linux-gnu';
    await shop.configure([
      ...['--prefix=/usr', '--libdir=/usr/lib', '--libexecdir=/usr/lib'],
      ...[`--build=${machine}`, `--host=${machine}`, `--target=${machine}`],
      ...['--with-gcc-major-version-only', '--enable-languages=c,c++,lto', '--disable-bootstrap'],
      ...['--enable-multiarch', '--enable-multilib', '--with-multilib-list=m32,m64,mx32'],
      ...['--with-arch-32=i686', '--with-abi=m64', '--with-tune=generic', '--enable-default-pie'],
      ...['--enable-cet', '--enable-plugin', '--enable-shared', '--enable-threads=posix'],
      ...['--enable-linker-build-id', '--enable-gnu-unique-object', '--enable-clocale=gnu'],
      ...['--with-default-libstdcxx-abi=new', '--without-included-gettext', '--disable-nls'],
      ...['--with-system-zlib', '--enable-checking=release', '--disable-werror'],
      ...['--disable-libsanitizer', '--disable-libcc1', '--without-cuda-driver'],
      ...['CFLAGS=-O2', 'CXXFLAGS=-O2'],
    ]);
    await shop.make(
      [
        ...['configure-gcc', 'all-libcpp', 'all-libdecnumber', 'all-libcody', 'all-libbacktrace'],
        ...['all-libiberty', 'all-build-libiberty', 'all-build-libcpp'],
      ],
      { phase: 'building libraries' },
    );
    const programs = ['xgcc', 'xg++', 'collect2', 'lto-wrapper', 'cc1', 'cc1plus', 'lto1'];
    await shop.make(['-C', 'gcc', ...programs], { lines: 6200 });
    shop.progress.phase('installing');
    for (const name of ['cc1', 'cc1plus', 'lto1', 'lto-wrapper'])
      shop.install(join(shop.objects, 'gcc', name), `gcc/${name}`);
    const specs = join(shop.room, 'live-patchable.specs');
    writeFileSync(specs, SPECS);
    shop.install(specs, 'gcc/live-patchable.specs', 0o644);
  },
};
