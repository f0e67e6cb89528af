/** The symbols of one ELF file by name. Each table is read once, and only when it is asked for. */
import {
  dynamicSymbols,
  isGlobal,
  STB,
  SHN,
  staticSymbols,
  type ElfFile,
  type ElfSymbol,
} from '@ulp/elf';

import { copyNotes, type CopyNote } from './copy-notes';

const CLONE = /^(.+?)\.(?:constprop|isra|part|lto_priv)\.\d/;

export class SymbolIndex {
  private dynamicByName?: Map<string, ElfSymbol[]>;
  private staticByName?: Map<string, ElfSymbol[]>;
  private clonesByName?: Map<string, string[]>;
  private copiesByName?: Map<string, CopyNote[]>;

  constructor(readonly elf: ElfFile) {}

  /** What the loader sees under a name, imports included. */
  dynamic(name: string): readonly ElfSymbol[] {
    this.dynamicByName ??= byName(dynamicSymbols(this.elf));
    return this.dynamicByName.get(name) ?? [];
  }

  /** What the full table has under a name; nothing when the file is stripped. */
  static(name: string): readonly ElfSymbol[] {
    return this.statics().get(name) ?? [];
  }

  get isStripped(): boolean {
    return this.statics().size === 0;
  }

  /** Pieces and variants that gcc has made of a function: `name.constprop.0`. */
  clones(name: string): readonly string[] {
    if (!this.clonesByName) {
      this.clonesByName = new Map();
      for (const clone of this.statics().keys()) {
        const stem = CLONE.exec(clone)?.[1];
        if (stem === undefined) continue;
        this.clonesByName.set(stem, [...(this.clonesByName.get(stem) ?? []), clone]);
      }
    }
    return this.clonesByName.get(name) ?? [];
  }

  /** Where the code of a function lives as well, as the compiler's notes have it, when they do. */
  copies(name: string): readonly CopyNote[] {
    this.copiesByName ??= copyNotes(this.elf) ?? new Map<string, CopyNote[]>();
    return this.copiesByName.get(name) ?? [];
  }

  /** Names that are looked up elsewhere when the file is loaded, and must be found. */
  imports(): string[] {
    this.dynamicByName ??= byName(dynamicSymbols(this.elf));
    return [...this.dynamicByName.values()]
      .flat()
      .filter((s) => s.raw.st_shndx === SHN.UNDEF && s.binding === STB.GLOBAL && s.name !== '')
      .map((s) => s.name);
  }

  /** Is it defined here, but kept from everybody else? */
  hides(name: string): boolean {
    const isHere = ({ raw }: ElfSymbol): boolean => raw.st_shndx !== SHN.UNDEF;
    return (
      this.static(name).some(isHere) && !this.dynamic(name).some((s) => isHere(s) && isGlobal(s))
    );
  }

  private statics(): Map<string, ElfSymbol[]> {
    this.staticByName ??= byName(staticSymbols(this.elf));
    return this.staticByName;
  }
}

function byName(symbols: readonly ElfSymbol[]): Map<string, ElfSymbol[]> {
  const map = new Map<string, ElfSymbol[]>();
  for (const symbol of symbols) {
    const same = map.get(symbol.name);
    if (same) same.push(symbol);
    else map.set(symbol.name, [symbol]);
  }
  return map;
}
