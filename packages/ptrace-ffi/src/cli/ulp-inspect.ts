/**
 * `ulp-inspect [PID] [--json]`: what is live-patchable, what is applied, and where each thread is.
 */
import { defineCommand, message, print, printJson, printTable } from '@ulp/cli';
import { abi, EXIT, isUlpError, pid, printable } from '@ulp/core';
import { ImageCache } from '../images/images';
import { inspect, type InspectedClaim, type Inspection } from '../runtime/inspection';
import { listPids } from '../proc/pids';
import { openProcess } from '../process';
import { runtimeNote } from '../runtime/runtime';
import { placeText } from '../images/symbolizer';

const NAME = 'ulp-inspect';

export const command = defineCommand({
  name: NAME,
  summary: 'show what is live-patchable in a process, what is applied, and where each thread is',
  description: [
    'Reads the memory of the process; nobody is stopped and nothing is changed. Without PID, shows every process that has libpulp.so loaded, and says on standard error how many processes could not be read.',
    'A thread is inside a library while a call into it is under way. It keeps the universe of its outermost call: it sees a patch when its universe is at least the number of the one that the patch began. `since` is the place that called the library: FILE:function+OFFSET by the symbol table of the file, where it has one.',
  ],
  positionals: {
    pid: { kind: 'number', meaning: 'the process; without it, all', optional: true },
  },
  options: {
    json: { kind: 'boolean', meaning: 'print one JSON document, schema ulp-inspect/1' },
  },
  examples: [
    { command: `${NAME} 4711`, meaning: 'one process' },
    { command: `${NAME} --json | jq '.processes[].pid'`, meaning: 'every process with libpulp.so' },
  ],
  exitCodes: {
    3: 'the process has no libpulp.so, another version of it, or cannot be live-patched at all',
  },
  seeAlso: ['ulp-check(1)', 'ulp-trigger(1)', 'ulp-dispatcher(1)'],
  run({ pid: only, json }) {
    const found = only === undefined ? inspectAll() : inspectOne(only);
    const document = { schema: 'ulp-inspect/1', ...found };
    if (json) printJson(document);
    else found.processes.forEach(show);
    return EXIT.done;
  },
});

interface Found {
  readonly processes: Inspection[];
  readonly unreadable: number;
}

function inspectOne(id: number): Found {
  const process = openProcess(pid(id));
  try {
    return { processes: [inspect(process)], unreadable: 0 };
  } finally {
    process.close();
  }
}

function inspectAll(): Found {
  const cache = new ImageCache();
  const processes: Inspection[] = [];
  let unreadable = 0;
  for (const id of listPids()) {
    try {
      const process = openProcess(id, { cache });
      try {
        if (process.images().some(runtimeNote)) processes.push(inspect(process));
      } finally {
        process.close();
      }
    } catch (error) {
      if (!isUlpError(error)) throw error;
      if (error.code === 'process-denied') unreadable++;
      // Gone meanwhile, or of a kind without a runtime: not what was asked for.
      else if (!['process-missing', 'process-unsupported'].includes(error.code))
        message(NAME, error.message);
    }
  }
  if (unreadable > 0)
    message(NAME, `${unreadable} ${unreadable === 1 ? 'process' : 'processes'}: permission denied`);
  return { processes, unreadable };
}

function stateOf({ abi: version, gated, bound }: Inspection['libraries'][number]): string {
  // How another version says the rest is not known.
  if (version !== abi.ABI_VERSION) return `ABI version ${version}, not ${abi.ABI_VERSION}`;
  return [gated ? 'gated' : 'not gated', bound ? 'bound' : 'not bound'].join(', ');
}

function show(found: Inspection, index: number): void {
  const { runtime } = found;
  if (index > 0) print();
  print(`process ${found.pid} (${printable(found.name)}): universe ${runtime.universe}`);
  print(`  runtime ${printable(runtime.path)}`);
  for (const problem of runtime.problems) print(`  cannot be patched: ${problem}`);
  if (runtime.helper !== 'done') print(`  last request: ${runtime.helper}`);
  if (runtime.slotsExhausted > 0)
    print(`  return slots ran out ${runtime.slotsExhausted} times: some threads may be pinned`);
  section('library', ['build-id', 'state'], found.libraries, (l) => [
    l.path + (l.deleted ? ' (deleted)' : ''),
    l.buildId ?? 'none',
    stateOf(l),
  ]);
  section('patch', ['state', 'universe', 'file'], found.patches, (p) => [
    p.id,
    p.state,
    p.reverted === null ? `${p.universe}` : `${p.universe} to ${p.reverted}`,
    p.path,
  ]);
  const claims = [
    ...found.threads.flatMap((t) =>
      t.claims.length > 0
        ? t.claims.map((c) => [`${t.tid}`, t.name, c.library, whereabouts(c)])
        : [[`${t.tid}`, t.name, '-', 'outside']],
    ),
    ...found.ownerless.map((c) => ['-', '-', c.library, whereabouts(c)]),
  ];
  section('thread', ['name', 'library', 'where'], claims, (row) => row);
}

function whereabouts({ inside, universe, pinned, slot, since }: InspectedClaim): string {
  if (!inside) return 'outside';
  return [
    universe === null ? 'entering' : `inside, universe ${universe}`,
    ...(pinned ? ['pinned'] : []),
    ...(slot === 'limbo' ? ['suspended'] : []),
    ...(slot === 'contested' ? ['on one of several stacks'] : []),
    ...(since ? [`since ${placeText(since)}`] : []),
  ].join(', ');
}

function section<T>(
  head: string,
  others: readonly string[],
  items: readonly T[],
  row: (item: T) => readonly string[],
): void {
  print();
  if (items.length === 0) print(`no ${head}`);
  else printTable([head, ...others], items.map(row));
}
