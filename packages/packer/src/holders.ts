/** Functions that hold another one's code, as the notes of the patched gcc say. */
import { isDefinedInCode, isFunction, isGlobal, staticSymbols, STT, type ElfFile } from '@ulp/elf';
import { stemOf } from './compare/clones';
import type { SymbolIndex } from './symbol-index';

/**
 * The source functions that a function was inlined into, without those that the link has dropped.
 * Pieces and variants count as the function that they were made of.
 */
export function holdersOf(library: SymbolIndex, name: string): string[] {
  const units = unitsOf(library.elf, name);
  const holders = library
    .copies(name)
    .filter(({ kind, holder }) => kind === 'inlined' && isThere(library, holder))
    .filter(({ unit }) => units === undefined || unit === ACROSS || units.has(unit))
    .map(({ holder }) => stemOf(holder));
  return [...new Set(holders)].filter((holder) => holder !== name).sort();
}

/** The unit of all code that was optimised at the link. */
const ACROSS = '<artificial>';

/** A stripped library does not tell. */
const isThere = (library: SymbolIndex, name: string): boolean =>
  library.isStripped || library.static(name).length > 0;

/** Source files that have a static function of this name; undefined: it may be anywhere. */
function unitsOf(elf: ElfFile, name: string): Set<string> | undefined {
  const units = new Set<string>();
  let file = '';
  for (const symbol of staticSymbols(elf)) {
    if (symbol.type === STT.FILE) file = symbol.name;
    else if (symbol.name === name && isFunction(symbol) && isDefinedInCode(elf, symbol)) {
      if (isGlobal(symbol)) return undefined;
      units.add(file);
    }
  }
  return units.size > 0 ? units : undefined;
}
