import {
  defineCommand,
  message,
  print,
  printJson,
  printTable,
  progress,
  type Progress,
} from '@ulp/cli';
import { EXIT, pid as asPid, type ExitCode } from '@ulp/core';
import { readMetadata, type Metadata } from '@ulp/metadata';
import { openProcess } from '@ulp/ptrace-ffi';
import { EARLIER } from '@ulp/trigger';
import { dispatchApart, Failure, leftOut, tell } from '../apart';
import {
  dispatchOne,
  dispatchSafely,
  isSettled,
  type Action,
  type DispatchOptions,
  type Result,
} from '../dispatch';
import { dispatcherDocument } from '../document';
import { scan } from '../scan';

const NAME = 'ulp-dispatcher';
/** For each process, in ms. */
const TIMEOUT_MS = 10_000;

/** What a program apart does. */
async function dispatchAll(
  action: Action,
  metadata: Metadata,
  options: DispatchOptions,
  without: ReadonlySet<number>,
): Promise<void> {
  const found = scan(metadata, action !== 'check' && !options.dryRun, (pid) => {
    if (without.has(pid)) return false;
    tell({ kind: 'at', pid });
    return true;
  });
  tell({
    kind: 'found',
    processes: found.processes.map(({ process: { pid, name } }) => ({ pid, name })),
    unreadable: found.unreadable,
  });
  for (const { process, maps } of found.processes) {
    tell({ kind: 'at', pid: process.pid });
    tell({
      kind: 'result',
      result: await dispatchSafely(action, process, metadata, options, maps),
    });
  }
  tell({ kind: 'end' });
}

/** The same, seen from here. Gives the exit code when it has failed. */
async function haveAllDispatched(): Promise<Awaited<ReturnType<typeof dispatchApart>> | ExitCode> {
  let bar: Progress | undefined;
  try {
    return await dispatchApart({
      found: (count) => {
        bar?.stop();
        bar = progress(count, 'processes');
      },
      result: () => bar?.step(),
    });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    // It has said already what there is to say.
    message(NAME, error.said.trim().replace(`${NAME}: `, ''));
    return Object.values(EXIT).find((exit) => exit === error.code) ?? EXIT.defect;
  } finally {
    bar?.stop();
  }
}

const note = ({ changed, migrated, state, earlier, error }: Result, dryRun: boolean): string => {
  if (error) return error.message;
  const did = changed ? (dryRun ? 'would be changed' : 'changed now') : '';
  const threads = state === 'applied' && !migrated ? 'threads still inside' : '';
  const left = earlier ? EARLIER[earlier] : '';
  return [left, did, threads].filter((text) => text !== '').join(', ');
};

export const command = defineCommand({
  name: NAME,
  summary: 'check, patch or revert every process that has a target library loaded',
  description: [
    'Finds every process that maps a library with the build-id of a target of the patch, also if the file was replaced or deleted since, and does to each what ulp-check, ulp-trigger or ulp-trigger --revert would. A process that fails or ends meanwhile does not keep the others from their turn.',
    'With PID only that process; what it refuses is then reported as ulp-trigger does.',
  ],
  positionals: {
    action: {
      kind: 'string',
      choices: ['check', 'patch', 'revert'],
      meaning: 'check: is it applied; patch: apply it; revert: take it back',
    },
    file: { kind: 'string', meaning: 'metadata of the patch (.ulp)' },
    pid: { kind: 'number', optional: true, meaning: 'only this process' },
  },
  options: {
    'dry-run': { kind: 'boolean', meaning: 'find out what would be done; nobody is stopped' },
    json: { kind: 'boolean', meaning: 'print a JSON document (ulp-dispatcher/1)' },
  },
  examples: [
    { command: 'ulp-dispatcher patch fix.ulp', meaning: 'close the hole everywhere' },
    { command: 'ulp-dispatcher check fix.ulp', meaning: 'is it closed everywhere?' },
  ],
  exitCodes: {
    0: 'every process concerned is as wanted, or none is concerned',
    1: 'at least one process is unpatched (with revert: still patched) or failed',
  },
  seeAlso: ['ulp-trigger(1)', 'ulp-check(1)'],
  async run({ action: name, file, pid, 'dry-run': dryRun = false, json = false }) {
    const action = name as Action;
    const metadata = readMetadata(file);
    const options = { timeoutMs: TIMEOUT_MS, dryRun };
    const without = leftOut();
    if (without) {
      await dispatchAll(action, metadata, options, without);
      return EXIT.done;
    }
    const all =
      pid === undefined
        ? await haveAllDispatched()
        : {
            results: [
              await dispatchOne(
                action,
                openProcess(asPid(pid), { writable: action !== 'check' && !dryRun }),
                metadata,
                options,
              ),
            ],
            unreadable: [],
          };
    if (typeof all === 'number') return all;
    const { results, unreadable } = all;
    const settled = isSettled(action, results);
    if (unreadable.length > 0)
      message(
        NAME,
        `${unreadable.length} processes: permission denied, or they make no sense or do not answer, so not looked at`,
      );
    if (json) printJson(dispatcherDocument(action, metadata, dryRun, settled, results, unreadable));
    else if (results.length === 0) print('no process has a target library loaded');
    else
      printTable(
        ['PID', 'NAME', 'STATE', 'NOTE'],
        results.map((r) => [String(r.pid), r.name, r.state, note(r, dryRun)]),
      );
    return settled || (dryRun && results.every((r) => r.error === null)) ? EXIT.done : EXIT.no;
  },
});
