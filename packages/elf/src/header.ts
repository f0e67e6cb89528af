/** The ELF header: is this a file of ours at all? */
import { UlpError, type ByteView } from '@ulp/core';
import { ELFCLASS64, ELFDATA2LSB, EM_X86_64 } from './constants';
import { Elf64_Ehdr, type Elf64Ehdr } from './structs';

const MAGIC = '\x7fELF';
const EI = { CLASS: 4, DATA: 5 } as const;

/** @throws UlpError elf-unsupported for anything but little-endian 64-bit x86-64; file-truncated */
export function readHeader(view: ByteView): Elf64Ehdr {
  const refuse = (expected: string, found: string): never => {
    throw new UlpError('elf-unsupported', { subject: view.subject, expected, found });
  };
  const ident = Buffer.from(view.bytes.subarray(0, 6));
  if (ident.toString('latin1', 0, 4) !== MAGIC)
    refuse('an ELF file', `a file that begins with 0x${ident.toString('hex', 0, 4)}`);
  view.check(0, 20, 'ELF header');
  if (ident[EI.CLASS] !== ELFCLASS64) refuse('a 64-bit file', `class ${ident[EI.CLASS]}`);
  if (ident[EI.DATA] !== ELFDATA2LSB) refuse('little-endian', `data encoding ${ident[EI.DATA]}`);
  const machine = view.data.getUint16(18, true);
  if (machine !== EM_X86_64) refuse('machine 62 (x86-64)', `machine ${machine}`);
  return Elf64_Ehdr.read(view);
}
