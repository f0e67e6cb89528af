/**
 * Names for the bytes before each function, in the symbol table that debuggers read and strip takes
 * away. gdb's `step` follows two kinds of code that has no lines, and knows them by their symbols:
 *
 *   trampoline  a thunk, `_ZThn0_` and the function's name ("non-virtual thunk to f"): gdb looks
 *               that name up and goes on until there
 *   selector    a global IFUNC, which gdb takes for a part of the dynamic linker: it goes on until
 *               it is out of it. So a step from the old function's entry arrives in the new
 *               function
 */
import { abi, linkAddress, type LinkAddress } from '@ulp/core';
import type { NewSymbol } from '../add-symbols';
import { STB, STT } from '../constants';
import type { ElfFile } from '../elf-file';
import { isDefinedInCode, isGlobal, staticSymbols, type ElfSymbol } from '../symbols';
import type { Survey } from './functions';

const SELECTOR = '__ulp_selector';

/** `_ZThn0_` before the mangled name, or before a C name that is written as a mangled one. */
const thunkTo = (name: string): string =>
  `_ZThn0_${name.startsWith('_Z') ? name.slice(2) : `${Buffer.byteLength(name)}${name}`}`;

/** The default version's name alone, as gdb has it. */
const plainName = (name: string): string => name.replace(/@@.*/, '');

/**
 * What two symbols have in common that gdb cannot tell apart: constructors and destructors have
 * several.
 */
const looksLike = (name: string): string => plainName(name).replace(/([CD])[0-5](?=[EI])/g, '$1');

/**
 * The functions' names that lead to one address each. gdb prefers a global symbol; were a thunk's
 * name looked up in vain, it would wait for a call that does not come.
 */
function unmistakable(symbols: readonly ElfSymbol[]): ElfSymbol[] {
  const addresses = (of: readonly ElfSymbol[]): Map<string, Set<LinkAddress>> => {
    const all = new Map<string, Set<LinkAddress>>();
    for (const { name, value } of of) {
      const key = looksLike(name);
      all.set(key, (all.get(key) ?? new Set()).add(value));
    }
    return all;
  };
  const any = addresses(symbols);
  const global = addresses(symbols.filter(isGlobal));
  return symbols.filter((symbol) => {
    const rivals = (isGlobal(symbol) ? global : any).get(looksLike(symbol.name));
    return rivals?.size === 1 && !plainName(symbol.name).includes('@');
  });
}

export function paddingNames(elf: ElfFile, { functions }: Survey): NewSymbol[] {
  const { before, trampolineSize } = abi.PADDING;
  const inCode = staticSymbols(elf).filter((s) => isDefinedInCode(elf, s) && s.name !== '');
  const names = new Map(
    unmistakable(inCode).map(({ name, value }) => [value, thunkTo(plainName(name))]),
  );
  return [...functions.keys()].flatMap((S) => {
    const start = linkAddress(S - BigInt(before));
    const selector: NewSymbol = {
      name: SELECTOR,
      value: linkAddress(start + BigInt(trampolineSize)),
      size: before - trampolineSize,
      type: STT.GNU_IFUNC,
      binding: STB.GLOBAL,
    };
    const name = names.get(S);
    if (name === undefined) return [selector];
    return [
      { name, value: start, size: trampolineSize, type: STT.FUNC, binding: STB.LOCAL },
      selector,
    ];
  });
}
