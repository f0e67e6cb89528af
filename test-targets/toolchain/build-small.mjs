/**
 * Builds the small tool through the steps of scripts/toolchain: `node build-small.mjs ROOM
 * [PACKAGE...]`. ROOM/src holds its source archive, ROOM/patches/small its series. Prints whether
 * there was anything to do.
 */
import { join } from 'node:path';
import { Failure } from '../../scripts/toolchain/failure.mjs';
import { build } from '../../scripts/toolchain/workshop.mjs';

const [room, ...packages] = process.argv.slice(2);
const small = {
  name: 'small',
  packages,
  archive: { folder: join(room, 'src'), name: /^small-([\d.]+)\.tar\.xz$/, version: '1.0' },
  series: 'small',
  installs: ['bin/small'],
  async build(shop) {
    await shop.source();
    await shop.configure(['--quiet']);
    await shop.make(['all']);
    shop.install(join(shop.objects, 'small'), 'bin/small');
  },
};
try {
  const places = {
    build: join(room, 'build'),
    prefix: join(room, 'prefix'),
    patches: join(room, 'patches'),
  };
  console.log((await build(small, places)) ? 'built' : 'nothing to do');
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(error.message);
  process.exitCode = error.code;
}
