import { defineCommand, print, printJson, printTable } from '@ulp/cli';
import { EXIT, pid as asPid, UlpError } from '@ulp/core';
import { readMetadata } from '@ulp/metadata';
import { openProcess, type Process } from '@ulp/ptrace-ffi';
import { awaitMigration, type Check, type CheckedThread } from '../check';
import { checkDocument } from '../documents';

function describe(subject: string, { state, universe, migrated, threads }: Check): string {
  if (state === 'absent') return `${subject}: not applied`;
  if (state === 'reverted') return `${subject}: not applied (reverted, still in memory)`;
  const behind = threads.filter((thread) => !thread.migrated).length;
  return `${subject}: applied, universe ${universe}, ${migrated ? 'all threads see it' : `${behind} thread(s) still inside with the old functions`}`;
}

function place({ inside }: CheckedThread): string {
  if (inside.length === 0) return 'outside';
  return inside
    .map((i) => `in ${i.library}, universe ${i.universe ?? '?'}${i.pinned ? ', pinned' : ''}`)
    .join('; ');
}

function printThreads(threads: readonly CheckedThread[]): void {
  printTable(
    ['TID', 'NAME', 'MIGRATED', 'WHERE'],
    threads.map((t) => [String(t.tid), t.name, t.migrated ? 'yes' : 'no', place(t)]),
  );
}

function requireMigrated(process: Process, ms: number, { threads }: Check): void {
  const behind = threads.filter((thread) => !thread.migrated);
  if (behind.length === 0) return;
  throw new UlpError('timed-out', {
    subject: process.subject,
    fact: `the patch is applied, but not every thread has migrated within ${ms} ms`,
    found: behind.map((t) => `thread ${t.tid} (${t.name}) ${place(t)}`).join(', '),
  });
}

export const command = defineCommand({
  name: 'ulp-check',
  summary: 'tell whether a live patch is applied in a running process',
  description: [
    'Reads memory of the process and stops nobody. Exits with 0 when the patch is applied, with 1 when it is not. A patch counts as applied from the moment on at which threads that enter the libraries see it; threads that were inside before finish with the old functions: --threads shows them, --wait waits for them.',
  ],
  positionals: {
    pid: { kind: 'number', meaning: 'the process' },
    file: { kind: 'string', meaning: 'metadata of the patch (.ulp)' },
  },
  options: {
    threads: { kind: 'boolean', meaning: 'list the threads, and whether each has migrated' },
    wait: {
      kind: 'number',
      value: 'MS',
      meaning: 'wait until all threads have migrated, so many milliseconds at most',
    },
    json: { kind: 'boolean', meaning: 'print a JSON document (ulp-check/1)' },
  },
  examples: [
    { command: 'ulp-check 4711 fix.ulp', meaning: 'is it applied?' },
    { command: 'ulp-check 4711 fix.ulp --wait 5000', meaning: 'until no thread runs the old code' },
  ],
  exitCodes: { 0: 'the patch is applied', 1: 'it is not' },
  seeAlso: ['ulp-trigger(1)', 'ulp-inspect(1)'],
  async run({ pid, file, threads = false, wait = 0, json = false }) {
    const metadata = readMetadata(file);
    const process = openProcess(asPid(pid));
    const check = await awaitMigration(process, metadata, wait);
    if (json) printJson(checkDocument(process, metadata, check, threads));
    else {
      print(describe(process.subject, check));
      if (threads) printThreads(check.threads);
    }
    if (check.state !== 'applied') return EXIT.no;
    if (wait > 0) requireMigrated(process, wait, check);
    return EXIT.done;
  },
});
