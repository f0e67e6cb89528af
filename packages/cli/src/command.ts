/**
 * What a command is: one declaration, from which the argument parser, --help, the man page and
 * shell completion follow.
 */
import type { ExitCode } from '@ulp/core';

type Kind = 'string' | 'number' | 'boolean' | 'strings';
type ValueOfKind<K extends Kind> = K extends 'string'
  ? string
  : K extends 'number'
    ? number
    : K extends 'boolean'
      ? boolean
      : string[];

export interface Option<K extends Kind = Kind> {
  readonly kind: K;
  /** One line for --help and the man page, beginning with a small letter, without a final stop. */
  readonly meaning: string;
  /** One letter. */
  readonly alias?: string;
  /** Name of the value in --help: FILE, MS. */
  readonly value?: string;
  /** Of `strings`: exactly so many. */
  readonly count?: number;
}

export interface Positional<K extends 'string' | 'number' = 'string' | 'number'> {
  readonly kind: K;
  readonly meaning: string;
  readonly optional?: boolean;
  readonly choices?: readonly string[];
}

export type Options = Readonly<Record<string, Option>>;
export type Positionals = Readonly<Record<string, Positional>>;

/** What run() gets: required positionals by name, everything else possibly undefined. */
export type Arguments<P extends Positionals, O extends Options> = {
  readonly [K in keyof P]: P[K] extends { optional: true }
    ? ValueOfKind<P[K]['kind']> | undefined
    : ValueOfKind<P[K]['kind']>;
} & { readonly [K in keyof O]: ValueOfKind<O[K]['kind']> | undefined };

export interface Command<P extends Positionals = Positionals, O extends Options = Options> {
  /** As typed: `ulp-trigger`. */
  readonly name: string;
  /** One line: what goes in and what comes out; for --help and the man page's NAME. */
  readonly summary: string;
  /** Paragraphs of the man page's DESCRIPTION; the first one is also shown by --help. */
  readonly description: readonly string[];
  /** In the order of the command line; the names are shown in capitals. */
  readonly positionals: P;
  readonly options: O;
  readonly examples: readonly { readonly command: string; readonly meaning: string }[];
  /** What each exit code that this command uses means here; the contract's text where omitted. */
  readonly exitCodes?: Readonly<Partial<Record<ExitCode, string>>>;
  /** Further man pages: `ulp-check(1)`. */
  readonly seeAlso?: readonly string[];
  /** Does the work, prints data to standard output, throws UlpError; gives the exit code. */
  run(args: Arguments<P, O>): ExitCode | Promise<ExitCode>;
}

/** Types the declaration: options are known by name in run(). */
export const defineCommand = <const P extends Positionals, const O extends Options>(
  command: Command<P, O>,
): Command<P, O> => command;

/** Options that every command has, added by the frame. */
export const COMMON_OPTIONS = {
  help: { kind: 'boolean', meaning: 'show this help', alias: 'h' },
  version: { kind: 'boolean', meaning: 'show the version' },
} as const satisfies Options;

/** The contract's exit codes. */
export const EXIT_MEANING: Readonly<Record<ExitCode, string>> = {
  0: 'done; or nothing was left to do',
  1: 'the answer is no',
  2: 'wrong usage, or an input file that is missing, malformed or corrupt',
  3: 'the target refuses: something is not loaded, not live-patchable, does not match, or is missing or still needed',
  4: 'no permission, or no such process',
  5: 'it could not be done in time; the message says whether anything was changed',
  70: 'a defect of this program; the message says where to report it',
};

/** `ulp-trigger PID FILE [OPTIONS]` without the name. */
export function usage(command: Command): string {
  const parts = Object.entries(command.positionals).map(([name, p]) => {
    const shown = p.choices ? p.choices.join('|') : name.toUpperCase();
    return p.optional ? `[${shown}]` : shown;
  });
  return [...parts, '[OPTIONS]'].join(' ');
}
