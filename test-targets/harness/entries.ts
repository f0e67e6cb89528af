/** What the plugin and the patched gcc promise of a library's functions, before ulp-dynsym-gate. */
import { abi, linkAddress } from '@ulp/core';
import {
  dynamicRelocations,
  dynamicSymbols,
  ElfFile,
  entryOffsetOf,
  isRelative,
  staticSymbols,
} from '@ulp/elf';

const NOT_COMPILED = new Set([
  ...['_init', '_fini', 'frame_dummy', '__do_global_dtors_aux'],
  ...['register_tm_clones', 'deregister_tm_clones'],
]);
const STT_FUNC = 2;

/**
 * A part of a function that was split off it is no function; a thunk has no padding with any gcc;
 * trm.o is assembly.
 */
const isOther = (name: string): boolean =>
  NOT_COMPILED.has(name) || /^__ulp_|^_ZTh|\.cold(\.|$)/.test(name);

function functions(elf: ElfFile): Map<bigint, string> {
  const symbols = [...staticSymbols(elf), ...dynamicSymbols(elf)];
  return new Map(
    symbols
      .filter((s) => s.type === STT_FUNC && s.raw.st_shndx !== 0 && !isOther(s.name))
      .map((s) => [s.value, s.name]),
  );
}

/** Where the records point, one by one. */
function records(elf: ElfFile): bigint[] {
  const section = elf.section('__patchable_function_entries');
  if (!section) return [];
  const { sh_addr } = section.header;
  return dynamicRelocations(elf)
    .filter(isRelative)
    .filter(({ raw }) => raw.r_offset >= sh_addr && raw.r_offset < sh_addr + BigInt(section.size))
    .map(({ raw }) => raw.r_addend);
}

/**
 * The functions' names; throws when an entry is not as promised, or a record is missing or too
 * much.
 */
export function requireEntries(library: string): string[] {
  const elf = ElfFile.read(library);
  const found = functions(elf);
  const pointers = records(elf);
  const faults: string[] = [];
  for (const [address, name] of found) {
    const at = address + BigInt(entryOffsetOf(elf, linkAddress(address)));
    const bytes = Buffer.from(elf.bytesAt(linkAddress(at), 2) ?? []).toString('hex');
    if (bytes !== '6690') faults.push(`${name}: entry ${bytes}`);
    if (at % 8n === 7n) faults.push(`${name}: its entry straddles 8 bytes`);
    const start = address - BigInt(abi.PADDING.before);
    const count = pointers.filter((pointer) => pointer === start).length;
    if (count !== 1) faults.push(`${name}: ${count} records`);
  }
  const starts = new Set([...found.keys()].map((address) => address - BigInt(abi.PADDING.before)));
  for (const pointer of pointers)
    if (!starts.has(pointer)) faults.push(`a record of no function: 0x${pointer.toString(16)}`);
  if (faults.length > 0) throw new Error(`${library}:\n${faults.join('\n')}`);
  return [...found.values()].sort();
}
