/**
 * Numbers of the ELF specification (gABI), its x86-64 supplement and GNU extensions that this
 * package uses.
 */
export const ELFCLASS64 = 2;
export const ELFDATA2LSB = 1;
/** Index in e_ident. */
export const EI_OSABI = 7;
export const ELFOSABI = { NONE: 0, GNU: 3 } as const;
export const EM_X86_64 = 62;
export const ET = { EXEC: 2, DYN: 3 } as const;

export const PT = { LOAD: 1, DYNAMIC: 2, NOTE: 4, TLS: 7 } as const;
export const PF = { X: 1, W: 2, R: 4 } as const;

export const SHT = {
  NULL: 0,
  PROGBITS: 1,
  SYMTAB: 2,
  STRTAB: 3,
  RELA: 4,
  HASH: 5,
  DYNAMIC: 6,
  NOTE: 7,
  NOBITS: 8,
  REL: 9,
  DYNSYM: 11,
  INIT_ARRAY: 14,
  FINI_ARRAY: 15,
  PREINIT_ARRAY: 16,
  RELR: 19,
  GNU_HASH: 0x6ffffff6,
  GNU_verdef: 0x6ffffffd,
  GNU_verneed: 0x6ffffffe,
  GNU_versym: 0x6fffffff,
} as const;
export const SHF = { WRITE: 1, ALLOC: 2, EXECINSTR: 4 } as const;
/** Section indices from here on are reserved: SHN_ABS and others are no sections. */
export const SHN = { UNDEF: 0, LORESERVE: 0xff00 } as const;

export const STT = { NOTYPE: 0, OBJECT: 1, FUNC: 2, FILE: 4, TLS: 6, GNU_IFUNC: 10 } as const;
export const STB = { LOCAL: 0, GLOBAL: 1, WEAK: 2, GNU_UNIQUE: 10 } as const;

export const DT = {
  NULL: 0,
  NEEDED: 1,
  HASH: 4,
  STRTAB: 5,
  SYMTAB: 6,
  RELA: 7,
  RELASZ: 8,
  STRSZ: 10,
  SYMENT: 11,
  INIT: 12,
  FINI: 13,
  SONAME: 14,
  DEBUG: 21,
  RELRSZ: 35,
  RELR: 36,
  GNU_HASH: 0x6ffffef5,
  VERSYM: 0x6ffffff0,
  FLAGS_1: 0x6ffffffb,
  VERDEF: 0x6ffffffc,
  VERDEFNUM: 0x6ffffffd,
  VERNEED: 0x6ffffffe,
  VERNEEDNUM: 0x6fffffff,
} as const;

/** Of DT_FLAGS_1: a position-independent executable. */
export const DF_1_PIE = 0x08000000n;

export const R_X86_64 = {
  NONE: 0,
  _64: 1,
  RELATIVE: 8,
  DTPMOD64: 16,
  TPOFF64: 18,
  TLSDESC: 36,
  IRELATIVE: 37,
} as const;

export const NT_GNU_BUILD_ID = 3;

/** Of Elf64_Half versym entries: the symbol is not the default of its version. */
export const VERSYM_HIDDEN = 0x8000;
export const VER_NDX_GLOBAL = 1;
/** A verdef entry that names the file itself. */
export const VER_FLG_BASE = 1;
