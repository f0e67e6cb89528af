/** Which functions of a linked library can be gated, and which exported ones cannot, and why. */
import { abi, linkAddress, type LinkAddress } from '@ulp/core';
import { SHF } from '../constants';
import type { ElfFile } from '../elf-file';
import { entryOffsetOf, type Entry } from '../live-patchable';
import { dynamicRelocations, isRelative, relativeWords } from '../relocations';
import {
  dynamicSymbols,
  isDefinedInCode,
  isFunction,
  isGlobal,
  isIfunc,
  staticSymbols,
  type ElfSymbol,
} from '../symbols';

/**
 * Functions that return twice: a second return through a slot that was given back would go astray.
 */
const RETURNS_TWICE = new Set([
  ...['setjmp', '_setjmp', 'sigsetjmp', '__sigsetjmp', 'savectx'],
  ...['vfork', '__vfork', 'getcontext', 'swapcontext'],
]);

export interface Survey {
  /** Every function with padding, by S. */
  readonly functions: ReadonlyMap<LinkAddress, Entry>;
  /** Exported symbols that lead to them. */
  readonly exported: readonly ElfSymbol[];
  /** Names of exported functions that stay as they are. */
  readonly uncovered: {
    readonly noPadding: readonly string[];
    readonly ifunc: readonly string[];
    readonly returnsTwice: readonly string[];
  };
}

const NOP = 0x90;

/**
 * Is this nothing but whole nop instructions: 90, or 0f 1f with its operand, behind any of 66 and
 * 2e? Of one byte by the stock gcc, long ones by the plugin and the patched gcc.
 */
function areNops(bytes: Uint8Array): boolean {
  let at = 0;
  while (at < bytes.length) {
    while (bytes[at] === 0x66 || bytes[at] === 0x2e) at++;
    if (bytes[at] === NOP) {
      at++;
      continue;
    }
    const [opcode, more, modrm] = bytes.subarray(at);
    if (opcode !== 0x0f || more !== 0x1f || modrm === undefined || (modrm & 0x38) !== 0)
      return false;
    const mode = modrm >> 6;
    const displacement = { 0: 0, 1: 1, 2: 4 }[mode];
    if (displacement === undefined || (mode === 0 && (modrm & 7) === 5)) return false;
    at += 3 + ((modrm & 7) === 4 ? 1 : 0) + displacement;
  }
  return at === bytes.length;
}
const isOurs = (symbol: ElfSymbol): boolean => symbol.name.startsWith('__ulp_');

/** The bytes that gcc leaves: PADDING.before bytes of nops, and PADDING.after at the entry. */
function ungatedEntry(elf: ElfFile, address: LinkAddress): Entry | undefined {
  const { before, after } = abi.PADDING;
  if (address < BigInt(before)) return undefined;
  const padding = elf.bytesAt(linkAddress(address - BigInt(before)), before);
  const entryOffset = entryOffsetOf(elf, address);
  const entry = elf.bytesAt(linkAddress(address + BigInt(entryOffset)), after);
  return padding && entry && areNops(padding) && areNops(entry)
    ? { address, entryOffset }
    : undefined;
}

/** What gcc recorded; not all of it, with -ffunction-sections and --gc-sections. */
function recorded(elf: ElfFile): LinkAddress[] {
  const section = elf.section('__patchable_function_entries');
  if (!section) return [];
  const { sh_addr } = section.header;
  const isInside = (at: bigint): boolean => at >= sh_addr && at < sh_addr + BigInt(section.size);
  const starts = [
    ...dynamicRelocations(elf)
      .filter((r) => isRelative(r) && isInside(r.raw.r_offset))
      .map((r) => r.raw.r_addend),
    ...relativeWords(elf)
      .filter(isInside)
      .map((at) => Buffer.from(elf.bytesAt(at, 8) ?? Buffer.alloc(8)).readBigUInt64LE()),
  ];
  return starts.map((start) => linkAddress(start + BigInt(abi.PADDING.before)));
}

export function survey(elf: ElfFile): Survey {
  const dynamic = dynamicSymbols(elf).filter((s) => isDefinedInCode(elf, s) && !isOurs(s));
  const all = [...dynamic, ...staticSymbols(elf).filter((s) => isDefinedInCode(elf, s))];
  const returnsTwice = new Set(all.filter((s) => RETURNS_TWICE.has(s.name)).map((s) => s.value));
  const functions = new Map<LinkAddress, Entry>();
  for (const address of [
    ...all.filter((s) => isFunction(s) && !isOurs(s)).map((s) => s.value),
    ...recorded(elf),
  ]) {
    const entry = returnsTwice.has(address) ? undefined : ungatedEntry(elf, address);
    if (entry) functions.set(address, entry);
  }
  const ifuncs = dynamic.filter(isIfunc);
  const global = dynamic.filter((s) => isFunction(s) && isGlobal(s));
  const names = (symbols: readonly ElfSymbol[]): string[] => [
    ...new Set(symbols.map((s) => s.name)),
  ];
  return {
    functions,
    exported: global.filter((s) => functions.has(s.value)),
    uncovered: {
      noPadding: names(
        global.filter(
          (s) => !functions.has(s.value) && !returnsTwice.has(s.value) && !isLinkers(s),
        ),
      ),
      ifunc: names(ifuncs),
      returnsTwice: names(global.filter((s) => returnsTwice.has(s.value))),
    },
  };
}

/** _init and _fini come with the linker's start files, and only the loader calls them. */
const isLinkers = (symbol: ElfSymbol): boolean =>
  symbol.name === '_init' || symbol.name === '_fini';

/** Executable sections: where code may take the address of a function. */
export const codeSections = (elf: ElfFile): ElfFile['sections'] =>
  elf.sections.filter((s) => s.size > 0 && (s.header.sh_flags & BigInt(SHF.EXECINSTR)) !== 0n);
