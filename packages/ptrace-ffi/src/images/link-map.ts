/**
 * The loader's list of what it has loaded: r_debug, found through DT_DEBUG of the program. It lies
 * in the target's memory and may say anything; it gives names, while the kernel's maps say what
 * there is.
 */
import { field, i32, linkAddress, relocate, remoteAddress, struct, u32, u64 } from '@ulp/core';
import { UlpError, type RemoteAddress } from '@ulp/core';
import { DT, Elf64_Dyn, PT } from '@ulp/elf';
import type { AddressSpace } from '../proc/address-space';
import { AT, readAuxv } from '../proc/auxv';
import type { Image } from './images';

export interface LinkMapEntry {
  /** As the loader was asked for it, or found it; '' for the program itself. */
  readonly name: string;
  readonly loadBias: bigint;
  readonly dynamic: RemoteAddress;
  /** The image that lies there, according to the kernel. */
  readonly image: Image | undefined;
}

/** <link.h>; the last field only where r_version >= 2 (glibc 2.35), for dlmopen's namespaces. */
const r_debug = struct('r_debug', {
  r_version: field(i32, ''),
  padding: field(u32, ''),
  r_map: field(u64, 'first link_map'),
  r_brk: field(u64, ''),
  r_state: field(u32, ''),
  padding2: field(u32, ''),
  r_ldbase: field(u64, ''),
  r_next: field(u64, 'r_debug of the next namespace'),
});

const link_map = struct('link_map', {
  l_addr: field(u64, 'load bias'),
  l_name: field(u64, ''),
  l_ld: field(u64, 'its dynamic section'),
  l_next: field(u64, ''),
  l_prev: field(u64, ''),
});

const LIMIT = { dynamicEntries: 1024, entries: 16384, nameBytes: 4096, namespaces: 64 } as const;

/**
 * @returns an empty list for a program without a loader (static), or before the loader has run
 * @throws UlpError process-hostile when the list has a loop or leads nowhere
 */
export function readLinkMap(process: AddressSpace, images: readonly Image[]): LinkMapEntry[] {
  const { memory } = process;
  const seen = new Set<bigint>();
  const once = (address: bigint): RemoteAddress => {
    if (seen.has(address) || seen.size > LIMIT.entries)
      throw new UlpError('process-hostile', {
        subject: process.subject,
        fact: "the loader's list of libraries has a loop or no end",
      });
    seen.add(address);
    return remoteAddress(address);
  };
  const entries: LinkMapEntry[] = [];
  let debug = debugAddress(process, images);
  for (let n = 0; debug !== 0n && n < LIMIT.namespaces; n++) {
    const head = memory.readStruct(r_debug, once(debug), 'r_debug');
    for (let next = head.r_map; next !== 0n;) {
      const entry = memory.readStruct(link_map, once(next), 'a link_map');
      const dynamic = remoteAddress(entry.l_ld);
      entries.push({
        name:
          entry.l_name === 0n
            ? ''
            : memory.readString(remoteAddress(entry.l_name), LIMIT.nameBytes, "a library's name"),
        loadBias: entry.l_addr,
        dynamic,
        image: images.find((i) => i.start <= dynamic && dynamic < i.end),
      });
      next = entry.l_next;
    }
    debug = head.r_version >= 2 ? head.r_next : 0n;
  }
  return entries;
}

/** DT_DEBUG of the program, which is the image that the kernel was told to start at. */
function debugAddress(process: AddressSpace, images: readonly Image[]): bigint {
  const entry = process.through(readAuxv).get(AT.entry) ?? 0n;
  const program = images.find((i) => i.start <= entry && entry < i.end);
  const dynamic = program?.programHeaders.find((p) => p.p_type === PT.DYNAMIC);
  if (!program || !dynamic) return 0n;
  const start = relocate(linkAddress(dynamic.p_vaddr), program.loadBias);
  for (let i = 0; i < LIMIT.dynamicEntries; i++) {
    const at = remoteAddress(start + BigInt(i * Elf64_Dyn.size));
    const { d_tag, d_un } = process.memory.readStruct(Elf64_Dyn, at, 'the dynamic section');
    if (d_tag === BigInt(DT.DEBUG)) return d_un;
    if (d_tag === BigInt(DT.NULL)) break;
  }
  return 0n;
}
