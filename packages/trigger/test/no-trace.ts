/** A refusal leaves no trace: what the process is made of, before and after. */
import { readdirSync, readFileSync } from 'node:fs';
import { abi, pid as asPid } from '@ulp/core';
import { findRuntime, openProcess } from '@ulp/ptrace-ffi';
import { runTool, trigger, type Target } from './setting';
import { givenLittleTime } from '../../../test-targets/harness/little-time';

interface Trace {
  readonly maps: string;
  readonly threads: readonly string[];
  readonly files: readonly string[];
  readonly stopped: boolean;
  readonly control: abi.UlpControl;
}

const entries = (pid: number, directory: string): string[] =>
  readdirSync(`/proc/${pid}/${directory}`).sort();

/** Mappings, threads, open files, job control, and the whole control block of libpulp.so. */
function traceOf(pid: number): Trace {
  const process = openProcess(asPid(pid));
  try {
    return {
      maps: readFileSync(`/proc/${pid}/maps`, 'utf8'),
      threads: entries(pid, 'task'),
      files: entries(pid, 'fd'),
      stopped: /^State:\s*[Tt]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')),
      control: findRuntime(process).readControl(),
    };
  } finally {
    process.close();
  }
}

export interface Refusal {
  readonly status: 2 | 3 | 4 | 5;
  readonly fact: RegExp;
  readonly uid?: number;
  /** Of ulp-trigger. */
  readonly more?: readonly string[];
  /** It is given up in little time. */
  readonly soon?: boolean;
}

/** ulp-trigger says so in one line, and the process is as it was. */
export function expectNoTrace(pid: number, patch: string, refusal: Refusal): void {
  const before = traceOf(pid);
  const { status, fact, uid, more = [], soon = false } = refusal;
  const run = (...time: (string | number)[]) =>
    runTool('ulp-trigger', [pid, patch, ...more, ...time], { uid });
  expect(soon ? givenLittleTime((ms) => run('--timeout', ms), fact) : run()).toEqual({
    status,
    stdout: '',
    stderr: expect.stringMatching(fact) as string,
  });
  expect(traceOf(pid)).toEqual(before);
}

/** Applied, seen, reverted, gone. */
export async function expectPatched(
  target: Target,
  patch: string,
  pid = target.pid,
): Promise<void> {
  expect(await target.ask('answer')).toBe('2');
  expect(trigger({ pid }, patch)).toMatchObject({ status: 0, stderr: '' });
  expect(await target.ask('answer')).toBe('1001');
  expect(trigger({ pid }, patch, '--revert')).toMatchObject({ status: 0, stderr: '' });
  expect(await target.ask('answer')).toBe('2');
}
