/** The two hash tables by which the loader finds a name: SHT_HASH (System V) and SHT_GNU_HASH. */
import { array, ByteView, u32, u64, type Codec } from '@ulp/core';
import type { ElfFile, Section } from './elf-file';
import { Elf64_GnuHash, Elf64_Hash } from './structs';

function readWords<T>(
  view: ByteView,
  codec: Codec<T>,
  at: number,
  count: number,
  what: string,
): T[] {
  view.check(at, codec.size * count, what);
  return array(codec, count).get(view.data, at);
}

export interface HashTable {
  readonly buckets: readonly number[];
  readonly chains: readonly number[];
}

export function readHashTable(elf: ElfFile, section: Section): HashTable {
  const { nbucket, nchain } = Elf64_Hash.read(elf.view, section.offset);
  const at = section.offset + Elf64_Hash.size;
  return {
    buckets: readWords(elf.view, u32, at, nbucket, 'hash buckets'),
    chains: readWords(elf.view, u32, at + nbucket * 4, nchain, 'hash chains'),
  };
}

export function writeHashTable(view: ByteView, at: number, table: HashTable): void {
  const { buckets, chains } = table;
  Elf64_Hash.write(view, at, { nbucket: buckets.length, nchain: chains.length });
  const words = [...buckets, ...chains];
  view.check(at + Elf64_Hash.size, words.length * 4, 'hash table');
  array(u32, words.length).set(view.data, at + Elf64_Hash.size, words);
}

export interface GnuHashTable {
  readonly symoffset: number;
  readonly bloomShift: number;
  readonly bloom: readonly bigint[];
  readonly buckets: readonly number[];
  /** Hash values of the symbols from symoffset on, lowest bit: last of its bucket. */
  readonly values: readonly number[];
}

export function readGnuHashTable(elf: ElfFile, section: Section): GnuHashTable {
  const head = Elf64_GnuHash.read(elf.view, section.offset);
  const bloomAt = section.offset + Elf64_GnuHash.size;
  const bloom = readWords(elf.view, u64, bloomAt, head.bloom_size, 'bloom filter');
  const bucketsAt = bloomAt + head.bloom_size * 8;
  const buckets = readWords(elf.view, u32, bucketsAt, head.nbuckets, 'GNU hash buckets');
  const valuesAt = bucketsAt + head.nbuckets * 4;
  const count = Math.max(0, Math.floor((section.offset + section.size - valuesAt) / 4));
  return {
    symoffset: head.symoffset,
    bloomShift: head.bloom_shift,
    bloom,
    buckets,
    values: readWords(elf.view, u32, valuesAt, count, 'GNU hash values'),
  };
}

export function writeGnuHashTable(view: ByteView, at: number, table: GnuHashTable): void {
  Elf64_GnuHash.write(view, at, {
    nbuckets: table.buckets.length,
    symoffset: table.symoffset,
    bloom_size: table.bloom.length,
    bloom_shift: table.bloomShift,
  });
  const bloomAt = at + Elf64_GnuHash.size;
  const words = [...table.buckets, ...table.values];
  view.check(bloomAt, table.bloom.length * 8 + words.length * 4, 'GNU hash table');
  array(u64, table.bloom.length).set(view.data, bloomAt, [...table.bloom]);
  array(u32, words.length).set(view.data, bloomAt + table.bloom.length * 8, words);
}
