import { defineCommand, message, print, printJson } from '@ulp/cli';
import { EXIT, hex, pid as asPid, printable } from '@ulp/core';
import { readMetadata } from '@ulp/metadata';
import { openProcess } from '@ulp/ptrace-ffi';
import { applyPatch, revertPatch, type Change } from '../change';
import { triggerDocument } from '../documents';
import { EARLIER } from '../helper/earlier';

const NAME = 'ulp-trigger';
const DEFAULT_TIMEOUT_MS = 10_000;

function describe(subject: string, change: Change, dryRun: boolean): string {
  const did = change.action === 'apply' ? 'applied' : 'reverted';
  if (!change.changed)
    return `${subject}: ${change.action === 'apply' ? 'already applied' : 'not applied'}, nothing to do`;
  if (!dryRun) return `${subject}: ${did}, universe ${change.universe}`;
  return [
    `${subject}: would be ${did}`,
    ...change.replacements.map(
      (r) =>
        `  ${printable(r.library)}: ${printable(r.oldName)} (${hex(r.address)}) -> ${printable(r.newName)}`,
    ),
  ].join('\n');
}

export const command = defineCommand({
  name: NAME,
  summary: 'apply a live patch to a running process, or take it back',
  description: [
    'Checks from outside that the patch fits, then has libpulp.so in the process load the patch and redirect the functions. One thread is borrowed for a fraction of a millisecond; no other thread is stopped. Each thread sees the new functions from its next entry into the libraries on; ulp-check tells which have.',
    'Applying what is applied, or reverting what is not, is a success. A tool that is killed leaves the process patched wholly or not at all.',
  ],
  positionals: {
    pid: { kind: 'number', meaning: 'the process' },
    file: { kind: 'string', meaning: 'metadata of the patch (.ulp)' },
  },
  options: {
    revert: { kind: 'boolean', meaning: 'take the patch back' },
    'dry-run': {
      kind: 'boolean',
      meaning: 'check and print what would be done; nobody is stopped',
    },
    timeout: {
      kind: 'number',
      value: 'MS',
      meaning: `give up after so many milliseconds (default ${DEFAULT_TIMEOUT_MS})`,
    },
    json: { kind: 'boolean', meaning: 'print a JSON document (ulp-trigger/1)' },
  },
  examples: [
    { command: 'ulp-trigger 4711 fix.ulp', meaning: 'apply' },
    { command: 'ulp-trigger 4711 fix.ulp --revert', meaning: 'take it back' },
  ],
  seeAlso: ['ulp-check(1)', 'ulp-dispatcher(1)', 'ulp-packer(1)'],
  async run({ pid, file, revert = false, 'dry-run': dryRun = false, timeout, json = false }) {
    const metadata = readMetadata(file);
    const process = openProcess(asPid(pid), { writable: !dryRun });
    const timeoutMs = timeout ?? DEFAULT_TIMEOUT_MS;
    const change = await (revert ? revertPatch : applyPatch)(process, metadata, {
      timeoutMs,
      dryRun,
    });
    if (change.earlier) message(NAME, `${process.subject}: ${EARLIER[change.earlier]}`);
    if (change.retained > 0)
      message(
        NAME,
        `${process.subject}: ${change.retained} reverted patch(es) still in memory, because threads may be inside; a later run unloads them`,
      );
    if (json) printJson(triggerDocument(process, metadata, dryRun, change));
    else print(describe(process.subject, change, dryRun));
    return EXIT.done;
  },
});
