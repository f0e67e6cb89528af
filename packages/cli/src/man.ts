/** The man page of a command, in man(7) macros, from the same declaration as --help. */
import { COMMON_OPTIONS, EXIT_MEANING, usage, type Command, type Options } from './command';

export function manPage(command: Command, version: string): string {
  const options: Options = { ...command.options, ...COMMON_OPTIONS };
  return [
    `.TH ${command.name.toUpperCase()} 1 "" "ULP ${version}" "ULP"`,
    '.SH NAME',
    roff(`${command.name} - ${command.summary}`),
    '.SH SYNOPSIS',
    `.B ${roff(command.name)}`,
    roff(usage(command)),
    '.SH DESCRIPTION',
    command.description.map(roff).join('\n.PP\n'),
    ...Object.entries(command.positionals).flatMap(([name, p]) => [
      '.TP',
      `.B ${roff(p.choices ? p.choices.join('|') : name.toUpperCase())}`,
      roff(p.meaning),
    ]),
    '.SH OPTIONS',
    ...Object.entries(options).flatMap(([name, o]) => [
      '.TP',
      `.B ${roff((o.alias ? `-${o.alias}, ` : '') + `--${name}` + (o.value ? ` ${o.value}` : ''))}`,
      roff(o.meaning),
    ]),
    '.SH EXIT STATUS',
    ...Object.entries({ ...EXIT_MEANING, ...command.exitCodes }).flatMap(([code, meaning]) => [
      '.TP',
      `.B ${code}`,
      roff(meaning),
    ]),
    '.SH EXAMPLES',
    ...command.examples.flatMap((e) => ['.TP', `.B ${roff(e.command)}`, roff(e.meaning)]),
    ...(command.seeAlso?.length ? ['.SH SEE ALSO', roff(command.seeAlso.join(', '))] : []),
    '',
  ].join('\n');
}

/** Text for troff: backslashes, hyphens and leading dots or quotes made plain. */
function roff(text: string): string {
  return text
    .replace(/\\/g, '\\e')
    .replace(/-/g, '\\-')
    .replace(/^([.'])/gm, '\\&$1');
}
