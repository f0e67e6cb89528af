/**
 * What the loader writes where: words of the GOT and of data, and the stubs of the PLT that jump
 * through them.
 */
import { linkAddress } from '@ulp/core';
import {
  dynamicRelocations,
  dynamicSymbols,
  R_X86_64,
  relativeWords,
  staticSymbols,
  STT,
  type ElfFile,
  type ElfSymbol,
} from '@ulp/elf';

/**
 * A word that is relocated: to a symbol's address, to an address of the library, or to where a TLS
 * variable is.
 */
export type Word =
  | { readonly kind: 'symbol' | 'tls'; readonly name: string; readonly addend: number }
  | { readonly kind: 'address'; readonly address: number };

const { RELATIVE, IRELATIVE, TPOFF64, DTPMOD64, TLSDESC } = R_X86_64;
const TLS_TYPES: readonly number[] = [TPOFF64, DTPMOD64, TLSDESC];

/** Words by link address. */
export function relocatedWords(elf: ElfFile): Map<number, Word> {
  const names = dynamicSymbols(elf);
  const locals = staticSymbols(elf).filter((s) => s.type === STT.TLS);
  const words = new Map<number, Word>();
  for (const address of relativeWords(elf))
    words.set(Number(address), { kind: 'address', address: Number(wordAt(elf, Number(address))) });
  for (const { raw, type } of dynamicRelocations(elf)) {
    const at = Number(raw.r_offset);
    const symbol = names[Number(raw.r_info >> 32n)];
    const addend = Number(raw.r_addend);
    if (type === RELATIVE || type === IRELATIVE)
      words.set(at, { kind: 'address', address: addend });
    else if (symbol && symbol.name !== '')
      words.set(at, {
        kind: TLS_TYPES.includes(type) ? 'tls' : 'symbol',
        name: symbol.name.replace(/@.*/, ''),
        addend,
      });
    else if (TLS_TYPES.includes(type)) {
      // Of a variable that only the library sees: its offset is the addend, or the word behind the
      // module's.
      const offset = type === DTPMOD64 ? Number(wordAt(elf, at + 8)) : addend;
      words.set(at, { kind: 'tls', ...localVariable(locals, offset) });
    }
  }
  return words;
}

function localVariable(
  variables: readonly ElfSymbol[],
  offset: number,
): { name: string; addend: number } {
  const inside = variables.find(
    ({ value, size }) => offset >= Number(value) && offset < Number(value + size),
  );
  return inside
    ? { name: inside.name, addend: offset - Number(inside.value) }
    : { name: '', addend: 0 };
}

function wordAt(elf: ElfFile, address: number): bigint {
  const bytes = elf.bytesAt(linkAddress(BigInt(address)), 8);
  return bytes ? Buffer.from(bytes).readBigUInt64LE() : 0n;
}

/**
 * `jmp *disp32(%rip)`, perhaps behind endbr64 and a bnd prefix: how each stub of the PLT leaves.
 */
const JUMP = Buffer.from('ff25', 'hex');
const STUB_SIZE = 16;

/** The word through which the stub at this address jumps. */
export function throughStub(
  elf: ElfFile,
  words: ReadonlyMap<number, Word>,
  address: number,
): Word | undefined {
  const bytes = elf.bytesAt(linkAddress(BigInt(address)), STUB_SIZE);
  if (!bytes) return undefined;
  const stub = Buffer.from(bytes);
  const at = stub.indexOf(JUMP);
  if (at < 0 || at + 6 > stub.length) return undefined;
  return words.get(address + at + 6 + stub.readInt32LE(at + 2));
}
