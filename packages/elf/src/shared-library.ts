/** Is a file a shared library, and not an executable that happens to be position-independent? */
import { UlpError } from '@ulp/core';
import { DF_1_PIE, DT, ET } from './constants';
import { dynamicValue } from './dynamic';
import type { ElfFile } from './elf-file';

/** @throws UlpError elf-unsupported */
export function requireSharedLibrary(elf: ElfFile): void {
  const { e_type } = elf.header;
  const isPie = ((dynamicValue(elf, DT.FLAGS_1) ?? 0n) & DF_1_PIE) !== 0n;
  if (e_type === ET.DYN && !isPie) return;
  throw new UlpError('elf-unsupported', {
    subject: elf.subject,
    expected: 'a shared library',
    found: e_type === ET.DYN ? 'an executable' : `ELF type ${e_type}`,
  });
}
