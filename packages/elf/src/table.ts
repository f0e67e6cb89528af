/** A section that is an array of equal records. */
import type { ByteView } from '@ulp/core';
import type { ElfFile, Section } from './elf-file';

/**
 * The records of a section.
 * @throws UlpError file-malformed when its size is no multiple of the record's
 */
export function readTable<T>(
  elf: ElfFile,
  section: Section,
  record: { readonly size: number; read(view: ByteView, offset: number): T },
): T[] {
  if (section.size % record.size !== 0)
    throw elf.malformed(
      `section ${section.name}`,
      `a multiple of ${record.size} bytes`,
      `${section.size}`,
    );
  return Array.from({ length: section.size / record.size }, (_, i) =>
    record.read(elf.view, section.offset + i * record.size),
  );
}
