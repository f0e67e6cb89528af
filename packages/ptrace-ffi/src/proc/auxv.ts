/**
 * /proc/PID/auxv: what the kernel told the program at its start, unless the program has altered it
 * since (PR_SET_MM_MAP).
 */
import { UlpError } from '@ulp/core';
import { explainDenial } from './denial';
import { readProcFile } from './proc-file';

/** <elf.h> */
export const AT = { phent: 4n, entry: 9n } as const;
/** Size in bytes of an Elf64_Phdr; an Elf32_Phdr has 32. */
const ELF64_PHENT = 56n;

const BEGINNING = 'it executes a program just now';

/** @throws UlpError process-missing, process-denied */
export function readAuxv(task: number): ReadonlyMap<bigint, bigint> {
  let text: string;
  try {
    text = readProcFile(`/proc/${task}/auxv`);
  } catch (error) {
    throw explainDenial(task, 'read', error);
  }
  return parseAuxv(text, `process ${task}`);
}

/**
 * @param text one byte a character
 * @throws UlpError process-missing
 */
export function parseAuxv(text: string, subject: string): ReadonlyMap<bigint, bigint> {
  // The kernel's answer for a process that has given up its memory.
  if (text === '') throw new UlpError('process-missing', { subject });
  // Of a program that is about to begin.
  if (/^\0*$/.test(text)) throw new UlpError('process-missing', { subject, fact: BEGINNING });
  const words = Buffer.from(text, 'latin1');
  const auxv = new Map<bigint, bigint>();
  for (let at = 0; at + 16 <= words.length; at += 16)
    auxv.set(words.readBigUInt64LE(at), words.readBigUInt64LE(at + 8));
  return auxv;
}

/** A 32-bit process has entries of half the size, so that this one makes no sense in it. */
export const isSixtyFourBit = (auxv: ReadonlyMap<bigint, bigint>): boolean =>
  auxv.get(AT.phent) === ELF64_PHENT;
