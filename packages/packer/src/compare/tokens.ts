/** A function as a sequence of words that two builds of the same source have in common. */
import type { DecodedFunction } from './decoded';
import type { Instruction } from './decoder';
import type { References } from './references';

export interface Token {
  readonly text: string;
  /** A constant that may be a line number. */
  readonly constant: number | undefined;
  /** Of the instruction, in bytes from the start of the function. */
  readonly offset: number;
}

export function tokensOf(f: DecodedFunction, references: References): Token[] {
  const { instructions } = f;
  return instructions.map(({ form, branch, address, accessed, constant, offset }, index) => {
    let text = form;
    if (branch !== undefined) text += ` ${references.branch(branch, f, index)}`;
    if (address !== undefined) text += ` ${references.data(address, accessed, f)}`;
    if (constant === undefined) return { text, offset, constant };
    return isPassedOn(instructions, index)
      ? { text, offset, constant }
      : { text: `${text} ${constant}`, offset, constant: undefined };
  });
}

/**
 * Is the constant perhaps an argument? Then a call is what comes next, or a jump to where others
 * call as well. What -Os computes with is popped at once.
 */
function isPassedOn(instructions: readonly Instruction[], index: number): boolean {
  if (instructions[index + 1]?.isPop) return false;
  const next = instructions
    .slice(index + 1, index + 1 + WINDOW)
    .find(({ flow }) => flow !== 'next');
  return next?.flow === 'leaves';
}

/** Instructions between the first argument and the call. */
const WINDOW = 64;
