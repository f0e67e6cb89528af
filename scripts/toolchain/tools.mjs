/**
 * The tools that can be built.
 *
 *   packages    Debian packages it is built from and with
 *   archive     its source: folder, pattern of the name with the version as first group, version
 *               that the series is for
 *   series      folder of toolchain-patches/
 *   installs    files below the prefix, by which it is known to be there
 *   build       steps; see workshop.mjs
 */
import { join } from 'node:path';
import { gcc } from './gcc.mjs';

const ld = {
  name: 'ld',
  summary: "binutils' linker with -z ulp (about 2 minutes on 2 processors)",
  packages: ['binutils-source', 'gcc', 'libc6-dev', 'make', 'bison', 'flex', 'patch', 'xz-utils'],
  archive: { folder: '/usr/src/binutils', name: /^binutils-([\d.]+)\.tar\.xz$/, version: '2.40' },
  series: 'binutils',
  installs: ['bin/ld'],
  async build(shop) {
    await shop.source();
    // As Debian configures its own, where that shows in what ld writes and where it looks; and
    // linked statically.
    await shop.configure([
      ...['--build=x86_64-linux-gnu', '--with-sysroot=/', '--enable-new-dtags', '--enable-plugins'],
      ...['--enable-deterministic-archives', '--disable-shared', '--disable-nls'],
      ...['--disable-gold', '--disable-gprof', '--disable-gprofng', '--disable-werror'],
    ]);
    await shop.make(['MAKEINFO=true', 'all-ld'], { lines: 2600 });
    shop.progress.phase('installing');
    shop.install(join(shop.objects, 'ld/ld-new'), 'bin/ld');
  },
};

const plugin = {
  name: 'plugin',
  summary: 'the plugin for the stock gcc (seconds)',
  packages: ['g++', 'g++-12', 'gcc-12-plugin-dev'],
  series: 'plugin',
  installs: ['plugin/ulp_plugin.so'],
  async build(shop) {
    shop.progress.phase('compiling');
    const include = join(shop.output('gcc-12', ['-print-file-name=plugin']), 'include');
    const out = join(shop.room, 'ulp_plugin.so');
    await shop.run(
      'g++-12',
      [
        ...['-std=c++14', '-O2', '-shared', '-fPIC', '-fno-rtti', '-Wall', '-Wextra', '-Werror'],
        ...['-isystem', include, join(shop.patches, 'plugin/ulp_plugin.cc'), '-o', out],
      ],
      { cwd: shop.room },
    );
    shop.install(out, 'plugin/ulp_plugin.so', 0o644);
  },
};

export const TOOLS = { ld, gcc, plugin };
