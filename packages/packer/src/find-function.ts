/**
 * The one function that a name means in a library. An exported function comes first, as for a
 * linker, so that stripping the library does not change what a name means; then a static one, if
 * there is only one.
 */
import { abi, hex, UlpError, type LinkAddress } from '@ulp/core';
import {
  functionBehind,
  isDefinedInCode,
  isFunction,
  isGlobal,
  isIfunc,
  SHN,
  type ElfSymbol,
} from '@ulp/elf';
import type { Word } from './description';
import { holdersOf } from './holders';
import type { SymbolIndex } from './symbol-index';

export interface WantedFunction extends Word {
  readonly name: string;
  readonly version?: string;
  readonly isDefault?: boolean;
}

export interface FoundFunction {
  /** S: its first byte, not its trampoline. */
  readonly address: LinkAddress;
  /** In bytes. */
  readonly size: number;
}

/** @throws UlpError description-content when there is none, more than one, or something else */
export function findFunction(library: SymbolIndex, wanted: WantedFunction): FoundFunction {
  const { elf } = library;
  const fail = (expected: string, found: string, detail?: string): UlpError =>
    new UlpError('description-content', {
      subject: wanted.where,
      expected,
      found,
      ...(detail === undefined ? {} : { detail }),
    });
  const exported = exportedSymbols(library, wanted, fail);
  const named =
    exported.length > 0 || wanted.version !== undefined ? exported : library.static(wanted.name);
  const defined = named.filter(({ raw }) => raw.st_shndx !== SHN.UNDEF);
  if (defined.some(isIfunc))
    throw fail('a function', `'${wanted.name}', an IFUNC: the loader chooses what it leads to`);
  const functions = defined.filter((s) => isFunction(s) && isDefinedInCode(elf, s));
  const [first] = functions;
  if (!first) throw absent(library, wanted, named, fail);
  const addresses = new Set(functions.map((s) => functionBehind(elf, s.value)));
  if (addresses.size > 1)
    throw fail(
      `one function '${wanted.name}' in ${elf.subject}`,
      `${addresses.size}, at ${[...addresses].map(hex).join(' and ')}`,
      'static functions of the same name cannot be told apart',
    );
  return extent(library, first);
}

function extent(library: SymbolIndex, symbol: ElfSymbol): FoundFunction {
  const { elf } = library;
  const address = functionBehind(elf, symbol.value);
  return {
    address,
    size: elf.view.number(sizeOf(library, symbol, address), `size of '${symbol.name}'`),
  };
}

/**
 * A dynamic symbol that leads to a trampoline says how long that is. In the padding
 * (ulp-dynsym-gate) it covers both; for one in .ulp (ld -z ulp) a local symbol of the function
 * stands beside it.
 */
function sizeOf(
  library: SymbolIndex,
  { name, value, size }: ElfSymbol,
  address: LinkAddress,
): bigint {
  const moved = address - value;
  if (moved === 0n) return size;
  if (moved === BigInt(abi.PADDING.before)) return size > moved ? size - moved : 0n;
  const own = [...library.dynamic(name), ...library.static(name)].find((s) => s.value === address);
  return own?.size ?? 0n;
}

type Fail = (expected: string, found: string, detail?: string) => UlpError;

/** The dynamic symbols of the version that is wanted. */
function exportedSymbols(
  library: SymbolIndex,
  { name, version, isDefault }: WantedFunction,
  fail: Fail,
): readonly ElfSymbol[] {
  const defined = library
    .dynamic(name)
    .filter((symbol) => symbol.raw.st_shndx !== SHN.UNDEF && isGlobal(symbol));
  const matching = defined.filter((symbol) =>
    version === undefined
      ? (symbol.version?.isDefault ?? true)
      : symbol.version?.name === version && (!isDefault || symbol.version.isDefault),
  );
  if (matching.length > 0 || defined.length === 0) return matching;
  const versions = defined.map((symbol) => spell(symbol));
  throw fail(
    version === undefined
      ? `a default version of '${name}', or name@VERSION`
      : `'${name}${isDefault ? '@@' : '@'}${version}'`,
    `only ${versions.join(', ')}`,
  );
}

const spell = ({ name, version }: ElfSymbol): string =>
  version ? `${name}${version.isDefault ? '@@' : '@'}${version.name}` : `${name} without version`;

function absent(
  library: SymbolIndex,
  { name }: WantedFunction,
  named: readonly ElfSymbol[],
  fail: Fail,
): UlpError {
  const expected = `a function that ${library.elf.subject} defines`;
  if (named.some(({ raw }) => raw.st_shndx !== SHN.UNDEF))
    return fail(expected, `'${name}', which is something else`);
  const clones = library.clones(name);
  if (clones.length > 0)
    return fail(
      expected,
      `only ${clones.map((clone) => `'${clone}'`).join(', ')}`,
      "the compiler's variants of it take other arguments; replace their callers",
    );
  const holders = holdersOf(library, name).map((holder) => `'${holder}'`);
  if (holders.length > 0)
    return fail(
      expected,
      `no '${name}'`,
      `its code lives in ${holders.join(', ')}: replace ${holders.length > 1 ? 'them' : 'that'}`,
    );
  if (library.dynamic(name).length > 0) return fail(expected, `'${name}', which it imports`);
  return fail(
    expected,
    `no '${name}'`,
    library.isStripped ? 'it is stripped: only exported functions have names' : undefined,
  );
}
