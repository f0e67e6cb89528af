/**
 * One of the two libraries: its functions decoded, its data, and what the loader writes into it.
 */
import type { Section } from '@ulp/elf';
import { linkAddress } from '@ulp/core';
import { around, decodeFunctions, firstAbove, type DecodedFunction } from './decoded';
import type { Library } from './functions';
import { loadedSections, objectsOf, type DataObject } from './objects';
import { relocatedWords, type Word } from './slots';

export class Side {
  readonly functions: readonly DecodedFunction[];
  readonly objects: readonly DataObject[];
  readonly words: ReadonlyMap<number, Word>;
  private readonly sections: ReturnType<typeof loadedSections>;
  /** Addresses of relocated words, ascending. */
  private readonly wordAddresses: Float64Array;
  /**
   * Addresses that something refers to, ascending: what has no symbol ends where the next one
   * begins.
   */
  private readonly marks: Float64Array;

  constructor(readonly library: Library) {
    this.functions = decodeFunctions(library);
    this.objects = objectsOf(library);
    this.words = relocatedWords(library.elf);
    this.sections = loadedSections(library.elf);
    this.wordAddresses = Float64Array.from(this.words.keys()).sort();
    this.marks = this.collectMarks();
  }

  functionAround = (address: number): DecodedFunction | undefined =>
    around(this.functions, address);

  objectAround = (address: number): DataObject | undefined => around(this.objects, address);

  sectionAround(address: number): (Section & { end: number }) | undefined {
    const last = this.sections[firstAbove(this.sections, address, (s) => s.address) - 1];
    return last && address < last.end ? last : undefined;
  }

  /** Where what begins at an address ends at the latest. */
  endOf(address: number): number {
    const next = this.marks[firstAbove(this.marks, address, (mark) => mark)] ?? Infinity;
    return Math.min(next, this.sectionAround(address)?.end ?? address);
  }

  /** Bytes of the file at a link address, at most up to the end of what is there. */
  bytesAt(address: number, size: number): Buffer {
    const section = this.sectionAround(address);
    if (!section) return Buffer.alloc(0);
    const available = Math.min(size, section.end - address);
    const bytes = this.library.elf.bytesAt(linkAddress(BigInt(address)), available);
    return bytes ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) : Buffer.alloc(0);
  }

  /** Addresses of the words that the loader writes in a range. */
  wordsIn(address: number, end: number): number[] {
    const from = firstAbove(this.wordAddresses, address - 1, (at) => at);
    const to = firstAbove(this.wordAddresses, end - 1, (at) => at);
    return [...this.wordAddresses.subarray(from, to)];
  }

  private collectMarks(): Float64Array {
    const marks = new Set<number>();
    for (const { instructions } of this.functions)
      for (const { address } of instructions) if (address !== undefined) marks.add(address);
    for (const word of this.words.values()) if (word.kind === 'address') marks.add(word.address);
    for (const { address, size } of this.objects) marks.add(address).add(address + size);
    return Float64Array.from(marks).sort();
  }
}
