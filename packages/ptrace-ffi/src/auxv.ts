/** /proc/PID/auxv: what the kernel told the program at its start. Tells a 64-bit process by its width. */
import { UlpError, type Pid } from '@ulp/core';
import { explainDenial } from './denial';
import { readProcFile } from './proc-file';

const AT_PHENT = 4n;
/** Size in bytes of an Elf64_Phdr; an Elf32_Phdr has 32. */
const ELF64_PHENT = 56n;

/** @throws UlpError process-missing, process-denied */
export function isSixtyFourBit(pid: Pid): boolean {
  let text: string;
  try {
    text = readProcFile(`/proc/${pid}/auxv`);
  } catch (error) {
    throw explainDenial(pid, 'read', error);
  }
  if (text === '') throw new UlpError('process-missing', { subject: `process ${pid}` });
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at + 16 <= bytes.length; at += 16)
    if (bytes.readBigUInt64LE(at) === AT_PHENT)
      return bytes.readBigUInt64LE(at + 8) === ELF64_PHENT;
  return false;
}
