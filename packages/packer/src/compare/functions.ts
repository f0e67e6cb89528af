/** The functions of a library: where the code of each lies, under which name. */
import { abi, UlpError, type LinkAddress } from '@ulp/core';
import {
  dynamicSymbols,
  fileBuildId,
  functionBehind,
  isDefinedInCode,
  isFunction,
  isGlobal,
  isIfunc,
  SHF,
  SHT,
  staticSymbols,
  STT,
  type ElfFile,
  type ElfSymbol,
} from '@ulp/elf';

export interface CodeFunction {
  /** The one of its names that a user would know. */
  readonly name: string;
  /** The source file of a static function, as the symbol table has it. */
  readonly file?: string;
  /** Link address. */
  readonly address: number;
  /** In bytes. */
  readonly size: number;
}

/** A library whose functions are compared, and where their names come from. */
export interface Library {
  /** As the user has named it. */
  readonly path: string;
  readonly elf: ElfFile;
  /** `dynsym`: it is stripped, and only exported functions have names. */
  readonly names: 'symtab' | 'debug file' | 'dynsym';
  readonly symbols: readonly NamedSymbol[];
}

interface NamedSymbol extends ElfSymbol {
  /** The STT_FILE symbol before a local one. */
  readonly file?: string;
}

/**
 * The compiler's own start files, which are in every library: they name the ends of sections, not
 * objects.
 */
const START_FILE = 'crtstuff.c';

/**
 * Functions may overlap, but not without end: the sum of their sizes is at most this many times
 * their sections'.
 */
const OVERLAP = 4;

/**
 * @param debug a separate debug file of it
 * @throws UlpError build-id-mismatch when the debug file belongs to another build
 */
export function library(path: string, elf: ElfFile, debug?: ElfFile): Library {
  if (debug && fileBuildId(debug) !== fileBuildId(elf))
    throw new UlpError('file-malformed', {
      subject: debug.subject,
      fact: 'the debug file of another build',
      expected: `build-id ${fileBuildId(elf) ?? 'none'}`,
      found: fileBuildId(debug) ?? 'none',
    });
  const own = staticSymbols(elf);
  if (own.some(isFunction)) return { path, elf, names: 'symtab', symbols: withFiles(own) };
  const separate = debug ? staticSymbols(debug) : [];
  if (separate.some(isFunction))
    return { path, elf, names: 'debug file', symbols: withFiles(separate) };
  return { path, elf, names: 'dynsym', symbols: dynamicSymbols(elf) };
}

function withFiles(symbols: readonly ElfSymbol[]): NamedSymbol[] {
  let file: string | undefined;
  return symbols.map((symbol) => {
    if (symbol.type === STT.FILE) file = symbol.name === '' ? undefined : symbol.name;
    return file === undefined || isGlobal(symbol) ? symbol : { ...symbol, file };
  });
}

/** By address; of several names for one address, the one that a user would know. */
export function functionsOf({ elf, symbols, names }: Library): CodeFunction[] {
  const best = new Map<number, { symbol: NamedSymbol; rank: number; size: number }>();
  for (const symbol of symbols) {
    if (symbol.name === '' || !(isFunction(symbol) || isIfunc(symbol))) continue;
    if (!isDefinedInCode(elf, symbol) || symbol.file === START_FILE) continue;
    const start = functionBehind(elf, symbol.value);
    // The gate's own names, of trampolines and selectors; but dynamic symbols lead to trampolines.
    if (symbol.name === '__ulp_selector' || (start !== symbol.value && names !== 'dynsym'))
      continue;
    const address = Number(start);
    const rank = rankOf(symbol);
    const other = best.get(address);
    const size = Math.max(sizeBehind(symbol, start), other?.size ?? 0);
    best.set(address, other && other.rank <= rank ? { ...other, size } : { symbol, rank, size });
  }
  const functions = [...best]
    .sort(([a], [b]) => a - b)
    .map(([address, { symbol, size }], i, all) => ({
      name: plainName(symbol.name),
      ...(symbol.file === undefined ? {} : { file: symbol.file }),
      address,
      size: boundedSize(elf, address, size || (all[i + 1]?.[0] ?? Infinity) - address),
    }));
  checkOverlap(elf, functions);
  return functions.filter(({ size }) => size > 0);
}

/**
 * The size of the function at `start` as its symbol has it. A dynamic symbol that was moved to the
 * trampoline in the padding was made longer by as much; one that leads to .ulp (ld -z ulp) says
 * nothing of it, and a local one stands beside it.
 */
function sizeBehind({ value, size }: ElfSymbol, start: LinkAddress): number {
  const moved = start - value;
  if (moved !== 0n && moved !== BigInt(abi.PADDING.before)) return 0;
  return Math.max(0, Number(size) - Number(moved));
}

/** `read` before `__read`, global before local. */
const rankOf = (symbol: ElfSymbol): number =>
  (/^_*/.exec(symbol.name)?.[0].length ?? 0) * 2 + (isGlobal(symbol) ? 0 : 1);

const plainName = (name: string): string => name.replace(/@.*/, '');

/**
 * At most up to the end of the section that it lies in, which need not be that of its dynamic
 * symbol.
 */
function boundedSize(elf: ElfFile, address: number, size: number): number {
  const section = elf.sections.find(
    ({ header }) =>
      header.sh_flags & BigInt(SHF.EXECINSTR) &&
      header.sh_type !== SHT.NOBITS &&
      address >= Number(header.sh_addr) &&
      address < Number(header.sh_addr + header.sh_size),
  );
  if (!section) return 0;
  const { sh_addr, sh_size } = section.header;
  return Math.max(0, Math.min(size, Number(sh_addr + sh_size) - address));
}

function checkOverlap(elf: ElfFile, functions: readonly CodeFunction[]): void {
  const code = elf.sections
    .filter(({ header }) => header.sh_flags & BigInt(SHF.EXECINSTR))
    .reduce((sum, { size }) => sum + size, 0);
  const sum = functions.reduce((total, { size }) => total + size, 0);
  if (sum > OVERLAP * code)
    throw elf.malformed('symbol table', 'functions that overlap little', `${sum} bytes of them`);
}
