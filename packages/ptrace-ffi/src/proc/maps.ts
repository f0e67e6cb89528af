/**
 * /proc/PID/maps: the kernel's own account of what is mapped where; nothing in it is the target's
 * claim.
 */
import { remoteAddress, type RemoteAddress } from '@ulp/core';

export interface Mapping {
  readonly start: RemoteAddress;
  /** First address after it. */
  readonly end: RemoteAddress;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly executable: boolean;
  readonly shared: boolean;
  /** Position in the file, in bytes. */
  readonly offset: bigint;
  /** `major:minor`, in hexadecimal. */
  readonly device: string;
  /** 0: not backed by a file. */
  readonly inode: bigint;
  /** A path, `[stack]`, `/memfd:name`, or ''; without the ` (deleted)` that the kernel appends. */
  readonly path: string;
  /** The kernel appended ` (deleted)`: no name leads to this file any more (or it is so named). */
  readonly deleted: boolean;
}

const DELETED = ' (deleted)';
/** Without the flags m and s: to them a carriage return in a name would begin a line, or end it. */
const LINE =
  /^([0-9a-f]+)-([0-9a-f]+) ([r-])([w-])([x-])([ps]) ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) (\d+) *([^]*)$/;

const fromHex = (digits: string | undefined): bigint => BigInt(`0x${digits ?? '0'}`);

/** @param text of /proc/PID/maps, one byte a character */
export function parseMaps(text: string): Mapping[] {
  return text.split('\n').flatMap((line) => {
    const m = LINE.exec(line);
    if (!m) return [];
    // The kernel escapes line feeds only: a backslash may stand for itself.
    const name = Buffer.from((m[10] ?? '').replaceAll('\\012', '\n'), 'latin1').toString();
    const deleted = name.endsWith(DELETED);
    return {
      start: remoteAddress(fromHex(m[1])),
      end: remoteAddress(fromHex(m[2])),
      readable: m[3] === 'r',
      writable: m[4] === 'w',
      executable: m[5] === 'x',
      shared: m[6] === 's',
      offset: fromHex(m[7]),
      device: m[8] ?? '',
      inode: BigInt(m[9] ?? 0),
      path: deleted ? name.slice(0, -DELETED.length) : name,
      deleted,
    };
  });
}

/**
 * The mapping that holds an address, or the first one that holds any of `size` bytes there. `maps`
 * are sorted, as the kernel gives them.
 */
export function mappingAt(
  maps: readonly Mapping[],
  address: bigint,
  size = 1n,
): Mapping | undefined {
  let low = 0;
  let high = maps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((maps[middle]?.end ?? 0n) <= address) low = middle + 1;
    else high = middle;
  }
  const found = maps[low];
  return found && found.start < address + size ? found : undefined;
}
