/** `ulp-packer DESCRIPTION [-o FILE] [--depends FILE ...]`: description file to metadata. */
import { defineCommand, message } from '@ulp/cli';
import { EXIT, printable, writeFileAtomic } from '@ulp/core';
import { checkOutput, defaultOutput } from '../output';
import { pack } from '../pack';

const NAME = 'ulp-packer';

export const command = defineCommand({
  name: NAME,
  summary: 'turn the description of a live patch into metadata',
  description: [
    'Reads the description, the patch .so and the target libraries that it names, checks all that can be checked on a build machine, and writes the metadata that ulp-trigger applies: by default to the name of the description with .ulp in place of its extension.',
    'The first line of a description is the absolute path of the .so with the new functions. Then, for each target library, a line of @ and its absolute path, and below it a line OLD:NEW for each function. Blank lines and lines that begin with ! are comments. OLD may name a symbol version: OLD@VERSION.',
    'The same files give the same bytes. A warning on standard error names what is allowed but may surprise.',
  ],
  positionals: { description: { kind: 'string', meaning: 'the description file' } },
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
  },
  examples: [
    { command: `${NAME} fix.dsc`, meaning: 'write fix.ulp' },
    { command: `${NAME} second.dsc --depends fix.ulp`, meaning: 'a patch on top of another' },
  ],
  seeAlso: ['ulp-dump(1)', 'ulp-trigger(1)', 'ulp-dynsym-gate(1)'],
  run({ description, output = defaultOutput(description), depends = [] }) {
    const { bytes, warnings, inputs } = pack(description, depends);
    checkOutput(output, inputs);
    for (const warning of warnings) message(NAME, `warning: ${printable(warning)}`);
    writeFileAtomic(output, bytes);
    return EXIT.done;
  },
});
