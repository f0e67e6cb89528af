import { defineCommand, print, printJson } from '@ulp/cli';
import { EXIT } from '@ulp/core';
import { readMetadata } from '../decode';
import { describe, dumpDocument } from '../describe';

export const command = defineCommand({
  name: 'ulp-dump',
  summary: 'print a metadata file readably',
  description: [
    'Reads a file that ulp-packer has written, checks it whole, and prints what it says: the patch, its targets with their build-ids, the functions with their link addresses, and the patches that it needs.',
  ],
  positionals: { file: { kind: 'string', meaning: 'a metadata file (.ulp)' } },
  options: { json: { kind: 'boolean', meaning: 'print a JSON document (ulp-dump/1)' } },
  examples: [
    { command: 'ulp-dump fix.ulp', meaning: 'what does the patch replace?' },
    { command: 'ulp-dump --json fix.ulp | jq -r .id', meaning: 'its patch id' },
  ],
  seeAlso: ['ulp-packer(1)'],
  run({ file, json }) {
    const metadata = readMetadata(file);
    if (json) printJson(dumpDocument(metadata));
    else print(describe(metadata));
    return EXIT.done;
  },
});
