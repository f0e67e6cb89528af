/**
 * `ulp-packer DESCRIPTION [-o FILE] [--depends FILE ...]`: description file to metadata;
 * `--compare`: what to replace.
 */
import { defineCommand, message, print, printJson, printTable } from '@ulp/cli';
import { EXIT, printable, UlpError, writeFileAtomic } from '@ulp/core';
import {
  DATA_HEAD,
  dataRows,
  document,
  functionRows,
  shortcomings,
  TABLE_HEAD,
} from '../compare/document';
import { compareFiles, type Compared } from '../compare/read';
import { targetOf, warnOfUnreplaced } from '../compare/unreplaced';
import { copyNotes } from '../copy-notes';
import { checkOutput, defaultOutput } from '../output';
import { pack, type Packed } from '../pack';

const NAME = 'ulp-packer';

export const command = defineCommand({
  name: NAME,
  summary: 'turn the description of a live patch into metadata',
  description: [
    'Reads the description, the patch .so and the target libraries that it names, checks all that can be checked on a build machine, and writes the metadata that ulp-trigger applies: by default to the name of the description with .ulp in place of its extension.',
    'The first line of a description is the absolute path of the .so with the new functions. Then, for each target library, a line of @ and its absolute path, and below it a line OLD:NEW for each function. Blank lines and lines that begin with ! are comments. OLD may name a symbol version: OLD@VERSION.',
    'With --compare it names every function whose machine code differs between two builds of a library, without and with a fix: these are the functions that a patch has to replace. Addresses, padding, the entries of live-patchable functions and line numbers do not count as differences. With a description too, it packs, and warns of each function that differs and is not replaced.',
    'The same files give the same bytes. A warning on standard error names what is allowed but may surprise.',
  ],
  positionals: {
    description: {
      kind: 'string',
      meaning: 'the description file; may be left out with --compare',
      optional: true,
    },
  },
  options: {
    output: {
      kind: 'string',
      alias: 'o',
      value: 'FILE',
      meaning: 'write to FILE; by default the name of the description with .ulp as its extension',
    },
    depends: {
      kind: 'strings',
      value: 'FILE',
      meaning: 'metadata of patches that must be applied first',
    },
    compare: {
      kind: 'strings',
      count: 2,
      value: 'OLD NEW',
      meaning: 'print the functions whose machine code differs between two builds of a library',
    },
    'debug-files': {
      kind: 'strings',
      count: 2,
      value: 'OLD NEW',
      meaning: 'separate debug files of the two that are compared, when these are stripped',
    },
    json: {
      kind: 'boolean',
      meaning: 'print the comparison as a JSON document (ulp-packer-compare/1)',
    },
  },
  examples: [
    { command: `${NAME} fix.dsc`, meaning: 'write fix.ulp' },
    { command: `${NAME} second.dsc --depends fix.ulp`, meaning: 'a patch on top of another' },
    { command: `${NAME} --compare libx.so fixed/libx.so`, meaning: 'what a fix changes' },
  ],
  seeAlso: ['ulp-dump(1)', 'ulp-trigger(1)', 'ulp-dynsym-gate(1)'],
  run({ description, output, depends = [], compare, 'debug-files': debugFiles, json }) {
    if (!compare && (json || debugFiles))
      throw usage(json ? '--json' : '--debug-files', 'only with --compare');
    if (description === undefined && !compare)
      throw usage('DESCRIPTION', 'missing', 'the description file, or --compare');
    if (description === undefined && (output !== undefined || depends.length > 0))
      throw usage('DESCRIPTION', 'missing', 'the description file with -o and --depends');
    const packed = description === undefined ? undefined : pack(description, depends);
    const file = output ?? (description === undefined ? '' : defaultOutput(description));
    if (packed) checkOutput(file, [...packed.inputs, ...(compare ?? []), ...(debugFiles ?? [])]);
    const compared = compare && compareTwo(compare, debugFiles);
    for (const warning of warnings(packed, compared))
      message(NAME, `warning: ${printable(warning)}`);
    if (packed) writeFileAtomic(file, packed.bytes);
    if (compared) report(compared, json);
    return EXIT.done;
  },
});

const compareTwo = ([old = '', fixed = '']: readonly string[], debugFiles?: readonly string[]) =>
  compareFiles(old, fixed, debugFiles);

function warnings(packed: Packed | undefined, compared: Compared | undefined): readonly string[] {
  const unreplaced = (): string[] =>
    packed && compared
      ? warnOfUnreplaced(
          compared.comparison,
          compared.old,
          targetOf(compared.old, packed.targets),
          copyNotes(compared.old.elf),
        )
      : [];
  return [
    ...(packed?.warnings ?? []),
    ...(compared ? shortcomings(compared) : []),
    ...unreplaced(),
  ];
}

function report(compared: Compared, json: boolean | undefined): void {
  const { functions, data, same } = compared.comparison;
  if (json) {
    printJson(document(compared));
    return;
  }
  if (functions.length > 0) printTable(TABLE_HEAD, functionRows(functions));
  if (data.length > 0) printTable(DATA_HEAD, dataRows(data));
  print(`${same} functions are the same`);
}

const usage = (subject: string, fact: string, expected?: string): UlpError =>
  new UlpError('usage', { subject, fact, ...(expected === undefined ? {} : { expected }) });
