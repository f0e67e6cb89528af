/** The functions of a library with their instructions, found by address. */
import { gatedEntry, type ElfFile, SHF, type Section } from '@ulp/elf';
import { linkAddress } from '@ulp/core';
import { Decoder, type Instruction } from './decoder';
import { functionsOf, type CodeFunction, type Library } from './functions';

export interface DecodedFunction extends CodeFunction {
  /** Without padding, and without what makes the entry of a live-patchable function. */
  readonly instructions: readonly Instruction[];
  /**
   * For each byte: the index of the instruction that begins there, or behind padding there; else
   * -1.
   */
  readonly indexAt: Int32Array;
  /** It jumps to what it computes, perhaps out of a table. */
  readonly hasComputedJump: boolean;
}

/** By address. */
export function decodeFunctions(library: Library): DecodedFunction[] {
  const { elf } = library;
  const decoders = new Map<Section, Decoder>();
  const decoderOf = (section: Section): Decoder => {
    const known = decoders.get(section);
    if (known) return known;
    const bytes = elf.view.slice(section.offset, section.size, section.name);
    const code = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const decoder = new Decoder(code, Number(section.header.sh_addr));
    decoders.set(section, decoder);
    return decoder;
  };
  try {
    return functionsOf(library).flatMap((f) => {
      const section = codeSection(elf, f.address);
      return section ? [decoded(elf, f, decoderOf(section).decode(f.address, f.size))] : [];
    });
  } finally {
    for (const decoder of decoders.values()) decoder.free();
  }
}

const codeSection = ({ sections }: ElfFile, address: number): Section | undefined =>
  sections.find(
    ({ header, size }) =>
      header.sh_flags & BigInt(SHF.EXECINSTR) &&
      address >= Number(header.sh_addr) &&
      address < Number(header.sh_addr) + size,
  );

function decoded(elf: ElfFile, f: CodeFunction, all: readonly Instruction[]): DecodedFunction {
  const entry = gatedEntry(elf, linkAddress(BigInt(f.address)));
  const instructions: Instruction[] = [];
  const indexAt = new Int32Array(f.size).fill(-1);
  for (const instruction of all) {
    indexAt[instruction.offset] = instructions.length;
    const isEntry = entry !== undefined && instruction.offset === entry.entryOffset;
    if (!instruction.isNop && !isEntry) instructions.push(instruction);
  }
  const hasComputedJump = instructions.some((i) => i.isComputedJump);
  return { ...f, instructions, indexAt, hasComputedJump };
}

/** Finds what lies around an address among things that are sorted by address. */
export function around<T extends { readonly address: number; readonly size: number }>(
  sorted: readonly T[],
  address: number,
): T | undefined {
  const last = sorted[firstAbove(sorted, address, (thing) => thing.address) - 1];
  return last && address < last.address + last.size ? last : undefined;
}

/** Index of the first one that lies above. */
export function firstAbove<T>(
  sorted: ArrayLike<T>,
  address: number,
  addressOf: (thing: T) => number,
): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (addressOf(sorted[middle] as T) <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}
