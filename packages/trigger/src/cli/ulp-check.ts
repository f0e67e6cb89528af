import { defineCommand, message, print, printJson, printTable } from '@ulp/cli';
import { EXIT, pid as asPid, printable, UlpError } from '@ulp/core';
import { readMetadata } from '@ulp/metadata';
import { openProcess, placeText, type Process } from '@ulp/ptrace-ffi';
import { awaitMigration, type Check } from '../check/check';
import { checkDocument } from '../documents';
import {
  callText,
  locate,
  threadText,
  type LocatedCall,
  type LocatedThread,
  type Whereabouts,
} from '../check/whereabouts';

const NAME = 'ulp-check';

const UNNOTED = 'return slots ran out, and more threads were pinned inside than are noted';

function describe(subject: string, { state, universe, ...check }: Check): string {
  if (state === 'absent') return `${subject}: not applied`;
  if (state === 'reverted') return `${subject}: not applied (reverted, still in memory)`;
  const late = check.threads.filter((thread) => !thread.migrated).length;
  const counts = [
    ...(late > 0 ? [`${late} thread(s) still inside with the old functions`] : []),
    ...(check.suspended.length > 0
      ? [`${check.suspended.length} suspended call(s) of threads that have ended`]
      : []),
    ...(check.incomplete ? [UNNOTED] : []),
  ];
  const seen = check.migrated ? 'all threads see it' : counts.join(', ');
  return `${subject}: applied, universe ${universe}, ${seen}`;
}

const subjectOf = ({ tid, name }: LocatedThread): string => `thread ${tid} (${name})`;

const suspendedText = (call: LocatedCall): string =>
  `${callText(call)}, by a thread that has ended`;

function printThreads({ threads, suspended }: Whereabouts): void {
  printTable(
    ['TID', 'NAME', 'MIGRATED', 'WHERE'],
    [
      ...threads.map((t) => [String(t.tid), t.name, t.migrated ? 'yes' : 'no', threadText(t)]),
      ...suspended.map((call) => ['-', '-', 'no', suspendedText(call)]),
    ],
  );
  for (const thread of threads) printStack(thread);
}

function printStack(thread: LocatedThread): void {
  const { stack } = thread;
  if (!stack) return;
  print();
  print(printable(`${subjectOf(thread)}: ${stack.doing}`));
  const [here, ...others] = stack.places;
  if (here) print(printable(`  at ${placeText(here)}`));
  if (others.length > 0) print('  addresses on its stack that look like calls, innermost first:');
  for (const place of others) print(printable(`    ${placeText(place)}`));
  if (stack.missing !== null) print(`  ${stack.missing}`);
}

/** One line a thread, for who sees standard error alone. */
function reportStack(process: Process, thread: LocatedThread): void {
  const { stack } = thread;
  if (!stack) return;
  const [here, ...others] = stack.places.map(placeText);
  const parts = [
    stack.doing + (here === undefined ? '' : ` at ${here}`),
    ...(others.length > 0 ? [`what looks like calls on its stack: ${others.join(', ')}`] : []),
    ...(stack.missing === null ? [] : [stack.missing]),
  ];
  message(NAME, printable(`${process.subject}: ${subjectOf(thread)}: ${parts.join('; ')}`));
}

function failLate(
  process: Process,
  ms: number,
  { incomplete }: Check,
  { threads, suspended }: Whereabouts,
): never {
  throw new UlpError('timed-out', {
    subject: process.subject,
    fact: `the patch is applied, but not every thread has migrated within ${ms} ms`,
    found: [
      ...threads.filter((t) => !t.migrated).map((t) => `${subjectOf(t)} ${threadText(t)}`),
      ...suspended.map((call) => `a call ${suspendedText(call)}`),
      ...(incomplete ? [UNNOTED] : []),
    ].join('; '),
  });
}

export const command = defineCommand({
  name: NAME,
  summary: 'tell whether a live patch is applied in a running process',
  description: [
    'Reads memory of the process and stops nobody. Exits with 0 when the patch is applied, with 1 when it is not. A patch counts as applied from the moment on at which threads that enter the libraries see it; threads that were inside before finish with the old functions: --threads shows them, --wait waits for them.',
    'For each thread inside, --threads shows the universe that it keeps and the place that called the library (FILE:function+OFFSET by the symbol table of the file, where it has one). For a thread that has not migrated, it adds the system call that it waits in and the addresses on its stack that look like calls: words that lead behind a call instruction, among which may be some that earlier calls have left. --wait prints the same of whoever is left when time is up. A suspended call is a coroutine that does not run, or was left by a jump; it counts as inside as long as it could return.',
  ],
  positionals: {
    pid: { kind: 'number', meaning: 'the process' },
    file: { kind: 'string', meaning: 'metadata of the patch (.ulp)' },
  },
  options: {
    threads: {
      kind: 'boolean',
      meaning: 'list the threads: whether each has migrated, and from where it is inside',
    },
    wait: {
      kind: 'number',
      value: 'MS',
      meaning: 'wait until all threads have migrated, so many milliseconds at most',
    },
    json: { kind: 'boolean', meaning: 'print a JSON document (ulp-check/1)' },
  },
  examples: [
    { command: 'ulp-check 4711 fix.ulp', meaning: 'is it applied?' },
    { command: 'ulp-check 4711 fix.ulp --threads', meaning: 'who has not migrated, and why' },
    { command: 'ulp-check 4711 fix.ulp --wait 5000', meaning: 'until no thread runs the old code' },
  ],
  exitCodes: { 0: 'the patch is applied', 1: 'it is not' },
  seeAlso: ['ulp-trigger(1)', 'ulp-inspect(1)'],
  async run({ pid, file, threads = false, wait = 0, json = false }) {
    const metadata = readMetadata(file);
    const process = openProcess(asPid(pid));
    const check = await awaitMigration(process, metadata, wait);
    const late = wait > 0 && check.state === 'applied' && !check.migrated;
    const where = threads || late ? locate(process, check, { all: threads }) : undefined;
    if (json) printJson(checkDocument(process, metadata, check, threads ? where : undefined));
    else {
      print(describe(process.subject, check));
      if (threads && where) printThreads(where);
    }
    if (check.state !== 'applied') return EXIT.no;
    if (late && where) {
      if (!threads) for (const thread of where.threads) reportStack(process, thread);
      failLate(process, wait, check, where);
    }
    return EXIT.done;
  },
});
