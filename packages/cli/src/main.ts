/**
 * Runs a command: parses arguments, prints errors as `<command>: <subject>: <fact>`, sets the exit
 * code.
 */
import yargs from 'yargs/yargs';
import type { Argv } from 'yargs';
import { EXIT, isUlpError, printable, UlpError } from '@ulp/core';
import { usage, type Command } from './command';
import { write, writeError } from './output';

/** Of help and usage, in columns. */
const WIDTH = 100;

const REPORT_AT = 'the CONTRIBUTING file says where to report it';

/** Never rejects; the process ends by itself with `process.exitCode` set. */
export async function main(
  command: Command,
  version: string,
  argv: readonly string[] = process.argv.slice(2),
): Promise<void> {
  try {
    const args = await parse(command, version, argv);
    if (args) process.exitCode = await command.run(args);
  } catch (error) {
    process.exitCode = report(command.name, error);
  }
}

/** One line on standard error, with the command's name in front. */
export function message(command: string, text: string): void {
  writeError(`${command}: ${text}\n`);
}

/** What the limits on this program's open files, or the whole system's, keep it from. */
function outOfFiles(error: unknown): unknown {
  const { code, path = 'a file' } = (error ?? {}) as NodeJS.ErrnoException;
  if (code !== 'EMFILE' && code !== 'ENFILE') return error;
  return new UlpError('file-io', {
    subject: path,
    found: code,
    detail: 'raise the limit on open files (ulimit -n)',
  });
}

function report(name: string, thrown: unknown): number {
  const error = outOfFiles(thrown);
  if (isUlpError(error)) {
    message(name, error.message);
    if (error.code === 'usage') writeError(`Try '${name} --help'.\n`);
    return error.exitCode;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  message(name, `a defect of this program; ${REPORT_AT}: ${printable(text)}`);
  return EXIT.defect;
}

async function parse(
  command: Command,
  version: string,
  argv: readonly string[],
): Promise<Parameters<Command['run']>[0] | undefined> {
  const asksForHelp = argv.includes('--help') || argv.includes('-h');
  const parser = build(command, version).wrap(asksForHelp ? terminalWidth() : WIDTH);
  if (argv[0] === '--get-yargs-completions') {
    for (const name of Object.keys(command.options)) write(`--${name}\n`);
    return undefined;
  }
  let shown = '';
  const parsed = await parser.parse([...argv], {}, (_error, _argv, output) => {
    shown = output;
  });
  if (shown) {
    write(`${shown}\n`);
    return undefined;
  }
  return check(command, parsed);
}

/** Asked for only when it matters, because Node.js loads streams and sockets for the answer. */
function terminalWidth(): number {
  const { isTTY, columns } = process.stdout;
  return isTTY ? Math.min(WIDTH, columns) : WIDTH;
}

/** The yargs parser of a command; also asked for its help text by the documentation. */
function build(command: Command, version: string): Argv {
  let parser = yargs([])
    .scriptName(command.name)
    .locale('en')
    .version(version)
    .help()
    .alias('help', 'h')
    .strictOptions()
    .parserConfiguration({
      'duplicate-arguments-array': false,
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-positional-numbers': false,
      'greedy-arrays': true,
    })
    .completion('completion', 'print a bash completion script', () =>
      Object.keys(command.options).map((o) => `--${o}`),
    )
    .wrap(WIDTH)
    .exitProcess(false)
    .fail((text: string, error: Error | undefined) => {
      // A YError is yargs' own: what the user typed is wrong.
      if (error && error.name !== 'YError') throw error;
      throw new UlpError('usage', { subject: 'arguments', fact: text || String(error?.message) });
    })
    .usage(
      `$0 ${usage(command)}\n\n${command.summary}.\n\n${command.description[0] ?? ''}\n\n${positionals(command)}`,
    );
  for (const [name, { kind, meaning, alias, value, count }] of Object.entries(command.options))
    parser = parser.option(name, {
      ...(kind === 'strings'
        ? { array: true, string: true, ...(count === undefined ? {} : { nargs: count }) }
        : { type: kind === 'number' ? ('string' as const) : kind }),
      describe: meaning,
      ...(alias === undefined ? {} : { alias }),
      ...(value === undefined ? {} : { requiresArg: true }),
    });
  for (const { command: line, meaning } of command.examples) parser = parser.example(line, meaning);
  return parser;
}

/** A line for each positional argument, as yargs shows options. */
function positionals(command: Command): string {
  const rows = Object.entries(command.positionals).map(
    ([name, p]) => [p.choices ? p.choices.join('|') : name.toUpperCase(), p.meaning] as const,
  );
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, meaning]) => `  ${name.padEnd(width)}  ${meaning}`).join('\n');
}

function check(command: Command, parsed: Record<string, unknown>): Parameters<Command['run']>[0] {
  const given = (parsed['_'] as (string | number)[]).map(String);
  const args: Record<string, unknown> = {};
  for (const [name, p] of Object.entries(command.positionals)) {
    const text = given.shift();
    const shown = name.toUpperCase();
    if (text === undefined) {
      if (p.optional) continue;
      throw new UlpError('usage', { subject: shown, fact: 'missing', expected: p.meaning });
    }
    if (p.choices && !p.choices.includes(text))
      throw new UlpError('usage', {
        subject: shown,
        expected: p.choices.join(' or '),
        found: `'${text}'`,
      });
    args[name] = p.kind === 'number' ? wholeNumber(shown, text) : text;
  }
  if (given.length > 0)
    throw new UlpError('usage', { subject: given[0] ?? '', fact: 'one argument too many' });
  for (const [name, { kind }] of Object.entries(command.options)) {
    const value = parsed[name] as string | boolean | readonly string[] | undefined;
    if (value === undefined || (kind === 'boolean' && value === false)) continue;
    if (kind === 'number') args[name] = wholeNumber(`--${name}`, String(value));
    else if (kind === 'string' && value === '')
      throw new UlpError('usage', { subject: `--${name}`, fact: 'needs a value' });
    else args[name] = value;
  }
  return args as Parameters<Command['run']>[0];
}

/** 0 to 2147483647: a pid, or milliseconds. */
function wholeNumber(subject: string, text: string): number {
  const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : NaN;
  if (value <= 0x7fffffff) return value;
  throw new UlpError('usage', { subject, expected: 'a whole number', found: `'${text}'` });
}
