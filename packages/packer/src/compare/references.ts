/**
 * What an address in machine code means, in words that do not depend on where things lie: a
 * function or variable by its name, a string or constant by its content, a table of jumps by where
 * they lead.
 */
import { functionBehind } from '@ulp/elf';
import { linkAddress } from '@ulp/core';
import type { DecodedFunction } from './decoded';
import { isCode, isConstant } from './objects';
import type { Side } from './side';
import { throughStub, type Word } from './slots';

/** Bytes of an unnamed object, and entries of a jump table, that are looked at. */
const LIMIT = { bytes: 4096, entries: 4096, depth: 4 } as const;

export class References {
  /** @param nameOf what a function is called: the same for both of a pair */
  constructor(
    private readonly side: Side,
    private readonly nameOf: (f: DecodedFunction) => string,
  ) {}

  /** Where a branch of a function goes. @param index of the branching instruction */
  branch(target: number, from: DecodedFunction, index: number): string {
    const f = this.side.functionAround(target);
    if (f === from && target !== from.address) {
      const at = f.indexAt[target - f.address] ?? -1;
      return at < 0 ? 'inside an instruction' : `${at - index}`;
    }
    return this.code(target);
  }

  /** What an operand names. @param accessed bytes read or written there; 0: its address is taken */
  data(address: number, accessed: number, from?: DecodedFunction, depth = 0): string {
    const { side } = this;
    const section = side.sectionAround(address);
    if (!section) return 'nothing';
    const word = side.words.get(address);
    if (word && section.name.startsWith('.got')) return `slot of ${this.word(word, depth)}`;
    if (isCode(section)) return this.code(address);
    const object = side.objectAround(address);
    if (object && !(object.isConstant && object.isNumbered))
      return `${object.name}+${address - object.address}`;
    if (!isConstant(section)) return `somewhere in ${section.name}`;
    if (object) return this.bytes(address, object.address + object.size, depth);
    if (accessed > 0) return this.bytes(address, address + accessed, depth);
    return this.unnamed(address, from, depth);
  }

  /** Bytes of data, with what the loader writes there by name. */
  bytes(address: number, end: number, depth = 0): string {
    let text = '';
    let from = address;
    for (const at of this.side.wordsIn(address, end)) {
      const word = this.side.words.get(at);
      if (!word || at < from) continue;
      text += `${this.raw(from, at)}{${this.word(word, depth + 1)}}`;
      from = at + 8;
    }
    return text + this.raw(from, end);
  }

  private raw(from: number, end: number): string {
    return end > from ? this.side.bytesAt(from, end - from).toString('latin1') : '';
  }

  private code(address: number): string {
    const { side } = this;
    const behind = Number(functionBehind(side.library.elf, linkAddress(BigInt(address))));
    const f = side.functionAround(behind);
    if (f) {
      if (f.address === behind) return this.nameOf(f);
      return `${this.nameOf(f)} #${f.indexAt[behind - f.address] ?? -1}`;
    }
    const word = throughStub(side.library.elf, side.words, address);
    return word ? this.word(word, LIMIT.depth) : 'unnamed code';
  }

  private word(word: Word, depth: number): string {
    if (word.kind !== 'address') return `${word.name}+${word.addend}`;
    return depth < LIMIT.depth ? `&${this.data(word.address, 0, undefined, depth + 1)}` : '&';
  }

  private unnamed(address: number, from: DecodedFunction | undefined, depth: number): string {
    const table = from?.hasComputedJump ? this.jumpTable(address, from) : [];
    if (table.length > 0) return `jumps to ${table.join(' ')}`;
    const bytes = this.side.bytesAt(address, LIMIT.bytes);
    const length = bytes.indexOf(0);
    if (length > 0 && isText(bytes.subarray(0, length)))
      return `"${bytes.toString('latin1', 0, length)}"`;
    const end = Math.min(this.side.endOf(address), address + LIMIT.bytes);
    return this.bytes(address, end, depth).replace(/\0+$/, '');
  }

  /**
   * Entries are relative to the table and lead into the function, or into a piece that was split
   * off it.
   */
  private jumpTable(address: number, from: DecodedFunction): string[] {
    const size = Math.min(this.side.endOf(address) - address, 4 * LIMIT.entries);
    const bytes = this.side.bytesAt(address, size);
    const places: string[] = [];
    for (let at = 0; at + 4 <= bytes.length; at += 4) {
      const target = address + bytes.readInt32LE(at);
      const f = this.side.functionAround(target);
      const index = f?.indexAt[target - f.address] ?? -1;
      if (!f || index < 0) break;
      places.push(f === from ? `${index}` : `${this.nameOf(f)} #${index}`);
    }
    return places;
  }
}

/** Printable characters, white space, escapes of terminals, and whatever else is not ASCII. */
const isText = (bytes: Buffer): boolean =>
  bytes.every((byte) => (byte >= 0x20 ? byte !== 0x7f : (byte >= 7 && byte <= 13) || byte === 27));
