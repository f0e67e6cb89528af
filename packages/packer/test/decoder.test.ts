/** Instruction boundaries and what instructions refer to, as objdump sees them. */
import { existsSync } from 'node:fs';
import { ElfFile } from '@ulp/elf';
import { Decoder, type Instruction } from '../src/compare/decoder';
import { outputOf } from '../../../test-targets/harness/programs.cjs';

const LIBRARIES = [
  '/lib/x86_64-linux-gnu/libc.so.6',
  '/lib/x86_64-linux-gnu/libm.so.6',
  '/usr/lib/x86_64-linux-gnu/libstdc++.so.6',
].filter((path) => existsSync(path));

interface Seen {
  readonly address: number;
  readonly text: string;
  /** Behind `#`: what a relative operand names. */
  readonly operand: number | undefined;
}

/** AVX-512 and all else that these libraries choose at run time is in there. */
function objdump(path: string): Seen[] {
  const text = outputOf('objdump', ['-d', '-j', '.text', '--no-show-raw-insn', path], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  return [...text.matchAll(/^ *([0-9a-f]+):\t(.*)$/gm)].map(([, address = '', rest = '']) => {
    const operand = /# ([0-9a-f]+)/.exec(rest)?.[1];
    return {
      address: parseInt(address, 16),
      text: rest,
      operand: operand === undefined ? undefined : parseInt(operand, 16),
    };
  });
}

test.each(LIBRARIES)('%s', (path) => {
  const section = ElfFile.read(path).section('.text');
  if (!section) throw new Error('no .text');
  const start = Number(section.header.sh_addr);
  const bytes = ElfFile.read(path).view.slice(section.offset, section.size, '.text');
  const decoder = new Decoder(Buffer.from(bytes), start);
  const found: Instruction[] = decoder.decode(start, section.size);
  decoder.free();
  const seen = objdump(path).filter(({ text }) => !text.includes('(bad)'));
  expect(seen.length).toBeGreaterThan(100_000);
  const at = new Map(found.map((instruction) => [start + instruction.offset, instruction]));
  const wrong = seen.filter(({ address, text, operand }) => {
    const instruction = at.get(address);
    const branch = /^(?:notrack |bnd )?(?:call|j[a-z]+|loop[a-z]*)(?:,p[nt])? +([0-9a-f]+) </.exec(
      text,
    )?.[1];
    return (
      !instruction ||
      (operand !== undefined && instruction.address !== operand) ||
      (branch !== undefined && instruction.branch !== parseInt(branch, 16))
    );
  });
  expect(wrong.slice(0, 5)).toEqual([]);
});
