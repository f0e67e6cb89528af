/** An ELF64 file as its header, program headers and section headers describe it. */
import {
  ByteView,
  fileOffset,
  linkAddress,
  readInputFile,
  UlpError,
  type FileOffset,
  type LinkAddress,
} from '@ulp/core';
import { PT, SHN, SHT } from './constants';
import { readHeader } from './header';
import { Room } from './room';
import { Elf64_Phdr, Elf64_Shdr, type Elf64Ehdr, type Elf64Phdr, type Elf64Shdr } from './structs';

export interface Section {
  readonly index: number;
  readonly name: string;
  readonly header: Elf64Shdr;
  /** File offset and size in bytes, checked to lie in the file; SHT_NOBITS has size 0. */
  readonly offset: number;
  readonly size: number;
}

export interface Segment {
  readonly header: Elf64Phdr;
  readonly offset: number;
  readonly size: number;
}

/**
 * Longest name of a section, version or library, in bytes: a crafted file names one huge string
 * often.
 */
export const NAME_LIMIT = 4096;

/** Most sections; gABI's extended numbering would allow more. */
const SECTION_LIMIT = 1 << 20;
/** All sections, and all names, are at most so many times as long as the file, and so much more. */
const OVERLAP = { sections: 2, names: 16, more: 64 << 10 } as const;

/** Largest file that is read, in bytes. */
const FILE_LIMIT = 1 << 30;

export class ElfFile {
  /** For the names that are asked for: see Room. */
  private readonly names: Room;

  private constructor(
    readonly view: ByteView,
    readonly header: Elf64Ehdr,
    readonly segments: readonly Segment[],
    readonly sections: readonly Section[],
  ) {
    this.names = namesOf(view);
  }

  /** @throws UlpError file-*, elf-unsupported */
  static read(path: string): ElfFile {
    return ElfFile.parse(readInputFile(path, { limit: FILE_LIMIT }), path);
  }

  /** @throws UlpError file-truncated, file-malformed, elf-unsupported */
  static parse(bytes: Uint8Array, subject: string): ElfFile {
    const view = new ByteView(bytes, subject);
    const header = readHeader(view);
    return new ElfFile(view, header, readSegments(view, header), readSections(view, header));
  }

  get subject(): string {
    return this.view.subject;
  }

  section(name: string): Section | undefined {
    return this.sections.find((section) => section.name === name);
  }

  sectionsOfType(type: number): Section[] {
    return this.sections.filter((section) => section.header.sh_type === type);
  }

  /** The section that sh_link of another names. */
  linked(section: Section): Section {
    const linked = this.sections[section.header.sh_link];
    if (linked) return linked;
    throw this.malformed(
      `section ${section.name}`,
      'sh_link to a section',
      String(section.header.sh_link),
    );
  }

  /** Where in the file the byte at a link address lies; undefined: in no PT_LOAD's file part. */
  offsetOf(address: LinkAddress): FileOffset | undefined {
    for (const { header, offset, size } of this.segments)
      if (
        header.p_type === PT.LOAD &&
        address >= header.p_vaddr &&
        address < header.p_vaddr + BigInt(size)
      )
        return fileOffset(offset + Number(address - header.p_vaddr));
    return undefined;
  }

  /** The link address of the byte at a file offset; undefined: not loaded. */
  addressOf(at: FileOffset): LinkAddress | undefined {
    for (const { header, offset, size } of this.segments)
      if (header.p_type === PT.LOAD && at >= offset && at < offset + size)
        return linkAddress(header.p_vaddr + BigInt(at - offset));
    return undefined;
  }

  /** `size` bytes at a link address; undefined when they are not in the file. */
  bytesAt(address: LinkAddress, size: number): Uint8Array | undefined {
    const at = this.offsetOf(address);
    return at === undefined || at + size > this.view.length
      ? undefined
      : this.view.slice(at, size, 'bytes');
  }

  /**
   * A NUL-terminated name. @throws UlpError file-truncated, file-malformed when all names together
   * are too long
   */
  name(at: number, what: string, limit = NAME_LIMIT): string {
    const name = this.view.string(at, what, at + limit);
    this.names.take(name.length);
    return name;
  }

  malformed(what: string, expected: string, found: string): UlpError {
    return new UlpError('file-malformed', {
      subject: this.subject,
      fact: `malformed ${what}`,
      expected,
      found,
    });
  }
}

const namesOf = (view: ByteView): Room =>
  new Room(OVERLAP.names * view.length + OVERLAP.more, view.subject, 'names');

function readSegments(view: ByteView, header: Elf64Ehdr): Segment[] {
  if (header.e_phnum === 0) return [];
  expectSize(view, 'e_phentsize', Elf64_Phdr.size, header.e_phentsize);
  const at = view.number(header.e_phoff, 'e_phoff');
  view.check(at, header.e_phnum * Elf64_Phdr.size, 'program headers');
  return Array.from({ length: header.e_phnum }, (_, i) => {
    const phdr = Elf64_Phdr.read(view, at + i * Elf64_Phdr.size);
    const offset = view.number(phdr.p_offset, 'p_offset');
    const size = view.number(phdr.p_filesz, 'p_filesz');
    if (phdr.p_type === PT.LOAD || phdr.p_type === PT.DYNAMIC || phdr.p_type === PT.NOTE)
      view.check(offset, size, `segment ${i}`);
    return { header: phdr, offset, size };
  });
}

function readSections(view: ByteView, header: Elf64Ehdr): Section[] {
  if (header.e_shoff === 0n) return [];
  expectSize(view, 'e_shentsize', Elf64_Shdr.size, header.e_shentsize);
  const at = view.number(header.e_shoff, 'e_shoff');
  const first = Elf64_Shdr.read(view, at);
  // Extended numbering (gABI, "ELF header"): many sections are counted in section 0.
  const count = header.e_shnum || view.number(first.sh_size, 'number of sections');
  const names = header.e_shstrndx === 0xffff ? first.sh_link : header.e_shstrndx;
  view.check(at, count * Elf64_Shdr.size, 'section headers');
  if (count > SECTION_LIMIT)
    throw new UlpError('file-malformed', {
      subject: view.subject,
      expected: `at most ${SECTION_LIMIT} sections`,
      found: String(count),
    });
  const headers = Array.from({ length: count }, (_, i) =>
    Elf64_Shdr.read(view, at + i * Elf64_Shdr.size),
  );
  const strings = headers[names];
  const stringsAt = strings ? view.number(strings.sh_offset, 'sh_offset') : 0;
  const namesLeft = namesOf(view);
  const bytesLeft = new Room(
    OVERLAP.sections * view.length + OVERLAP.more,
    view.subject,
    'sections',
  );
  return headers.map((shdr, index) => {
    const nobits = shdr.sh_type === SHT.NOBITS || shdr.sh_type === SHT.NULL;
    const offset = view.number(shdr.sh_offset, 'sh_offset');
    const size = nobits ? 0 : view.number(shdr.sh_size, 'sh_size');
    if (!nobits) view.check(offset, size, `section ${index}`);
    const name =
      strings && names !== SHN.UNDEF
        ? view.string(
            stringsAt + shdr.sh_name,
            'section name',
            stringsAt + shdr.sh_name + NAME_LIMIT,
          )
        : '';
    namesLeft.take(name.length);
    bytesLeft.take(size);
    return { index, name, header: shdr, offset, size };
  });
}

function expectSize(view: ByteView, what: string, expected: number, found: number): void {
  if (found !== expected)
    throw new UlpError('file-malformed', {
      subject: view.subject,
      fact: `malformed ${what}`,
      expected: String(expected),
      found: String(found),
    });
}
