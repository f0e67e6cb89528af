/** The fixed-size records of ELF64, named as in the specification (gABI; versions: LSB core). */
import { bytes, field, i64, struct, u16, u32, u64, u8, type Value } from '@ulp/core';

export const Elf64_Ehdr = struct('Elf64_Ehdr', {
  e_ident: field(bytes(16), 'magic, class, data encoding, versions'),
  e_type: field(u16, 'ET_*'),
  e_machine: field(u16, 'EM_*'),
  e_version: field(u32, '1'),
  e_entry: field(u64, 'link address of the entry point'),
  e_phoff: field(u64, 'file offset of the program headers'),
  e_shoff: field(u64, 'file offset of the section headers'),
  e_flags: field(u32, '0 on x86-64'),
  e_ehsize: field(u16, 'size of this header'),
  e_phentsize: field(u16, 'size of a program header'),
  e_phnum: field(u16, 'number of program headers'),
  e_shentsize: field(u16, 'size of a section header'),
  e_shnum: field(u16, 'number of section headers; 0: see sh_size of section 0'),
  e_shstrndx: field(
    u16,
    'section that holds the names of sections; 0xffff: see sh_link of section 0',
  ),
});

export const Elf64_Phdr = struct('Elf64_Phdr', {
  p_type: field(u32, 'PT_*'),
  p_flags: field(u32, 'PF_*'),
  p_offset: field(u64, 'file offset'),
  p_vaddr: field(u64, 'link address'),
  p_paddr: field(u64, 'unused'),
  p_filesz: field(u64, 'bytes in the file'),
  p_memsz: field(u64, 'bytes in memory'),
  p_align: field(u64, 'alignment in bytes'),
});

export const Elf64_Shdr = struct('Elf64_Shdr', {
  sh_name: field(u32, 'offset in the section names'),
  sh_type: field(u32, 'SHT_*'),
  sh_flags: field(u64, 'SHF_*'),
  sh_addr: field(u64, 'link address, or 0'),
  sh_offset: field(u64, 'file offset'),
  sh_size: field(u64, 'bytes'),
  sh_link: field(u32, 'another section, by type'),
  sh_info: field(u32, 'by type'),
  sh_addralign: field(u64, 'alignment in bytes'),
  sh_entsize: field(u64, 'size of an entry, if of equal size'),
});

export const Elf64_Sym = struct('Elf64_Sym', {
  st_name: field(u32, 'offset in the string table'),
  st_info: field(u8, 'STB_* << 4 | STT_*'),
  st_other: field(u8, 'STV_*'),
  st_shndx: field(u16, 'section'),
  st_value: field(u64, 'link address'),
  st_size: field(u64, 'bytes'),
});

export const Elf64_Dyn = struct('Elf64_Dyn', {
  d_tag: field(i64, 'DT_*'),
  d_un: field(u64, 'd_val or d_ptr'),
});

export const Elf64_Rel = struct('Elf64_Rel', {
  r_offset: field(u64, 'link address of what is relocated'),
  r_info: field(u64, 'symbol << 32 | R_X86_64_*'),
});

export const Elf64_Rela = struct('Elf64_Rela', {
  r_offset: field(u64, 'link address of what is relocated'),
  r_info: field(u64, 'symbol << 32 | R_X86_64_*'),
  r_addend: field(i64, 'added to the value'),
});

export const Elf64_Relr = struct('Elf64_Relr', {
  r_entry: field(u64, 'even: an address; odd: a bitmap of the 63 words that follow'),
});

export const Elf64_Nhdr = struct('Elf64_Nhdr', {
  n_namesz: field(u32, 'bytes of the owner, with its NUL'),
  n_descsz: field(u32, 'bytes of the description'),
  n_type: field(u32, 'by owner'),
});

export const Elf64_Verdef = struct('Elf64_Verdef', {
  vd_version: field(u16, '1'),
  vd_flags: field(u16, 'VER_FLG_*'),
  vd_ndx: field(u16, 'index as in versym'),
  vd_cnt: field(u16, 'number of Elf64_Verdaux'),
  vd_hash: field(u32, 'of the name'),
  vd_aux: field(u32, 'bytes from here to the first Elf64_Verdaux'),
  vd_next: field(u32, 'bytes from here to the next; 0: last'),
});

export const Elf64_Verdaux = struct('Elf64_Verdaux', {
  vda_name: field(u32, 'offset in the string table'),
  vda_next: field(u32, 'bytes from here to the next; 0: last'),
});

export const Elf64_Verneed = struct('Elf64_Verneed', {
  vn_version: field(u16, '1'),
  vn_cnt: field(u16, 'number of Elf64_Vernaux'),
  vn_file: field(u32, 'offset in the string table'),
  vn_aux: field(u32, 'bytes from here to the first Elf64_Vernaux'),
  vn_next: field(u32, 'bytes from here to the next; 0: last'),
});

export const Elf64_Vernaux = struct('Elf64_Vernaux', {
  vna_hash: field(u32, 'of the name'),
  vna_flags: field(u16, 'VER_FLG_*'),
  vna_other: field(u16, 'index as in versym'),
  vna_name: field(u32, 'offset in the string table'),
  vna_next: field(u32, 'bytes from here to the next; 0: last'),
});

export const Elf64_Versym = struct('Elf64_Versym', {
  vs_index: field(u16, 'version of the symbol of the same number'),
});

/** SHT_HASH: nbucket and nchain words follow (System V). */
export const Elf64_Hash = struct('Elf64_Hash', {
  nbucket: field(u32, 'number of buckets'),
  nchain: field(u32, 'number of chain words: that of the symbols'),
});

/** SHT_GNU_HASH: bloom filter, buckets and hash values follow. */
export const Elf64_GnuHash = struct('Elf64_GnuHash', {
  nbuckets: field(u32, 'number of buckets'),
  symoffset: field(u32, 'first symbol that is in the table'),
  bloom_size: field(u32, 'number of 64-bit words of the bloom filter'),
  bloom_shift: field(u32, 'second hash of the filter'),
});

export type Elf64Ehdr = Value<typeof Elf64_Ehdr>;
export type Elf64Phdr = Value<typeof Elf64_Phdr>;
export type Elf64Shdr = Value<typeof Elf64_Shdr>;
export type Elf64Sym = Value<typeof Elf64_Sym>;
export type Elf64Dyn = Value<typeof Elf64_Dyn>;
export type Elf64Rela = Value<typeof Elf64_Rela>;
