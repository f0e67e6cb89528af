/**
 * All processes, in a program of its own: a process whose memory does not answer (docs/security.md)
 * holds that program up, perhaps so that it cannot even be killed, and another one does the rest.
 * It tells by lines of JSON what it is about to do.
 */
import { writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { UlpError } from '@ulp/core';
import type { Result } from './dispatch';

export type Word =
  | { readonly kind: 'at'; readonly pid: number }
  | {
      readonly kind: 'found';
      readonly processes: readonly { readonly pid: number; readonly name: string }[];
      readonly unreadable: readonly number[];
    }
  | { readonly kind: 'result'; readonly result: Result }
  | { readonly kind: 'end' };

/** Its value: which processes to leave out, by commas. */
const LEFT_OUT = 'ULP_DISPATCHER_APART';
/** Descriptor for the words. */
const WORDS = 3;
/**
 * Longest time between two words: while processes are looked for, and while one is dealt with
 * (10 s, and what looking takes), in ms.
 */
const PATIENCE = { scan: 10_000, dispatch: 60_000 } as const;
/** Who was stopped meanwhile, with us, may have its say first. */
const GRACE_MS = 1000;

/** Is this such a program? Then what it leaves out. */
export function leftOut(): ReadonlySet<number> | undefined {
  const list = process.env[LEFT_OUT];
  return list === undefined ? undefined : new Set(list.split(',').map(Number));
}

/** @throws when nobody listens any more: the program ends between two processes */
export const tell = (word: Word): void => {
  writeSync(WORDS, `${JSON.stringify(word)}\n`);
};

interface Part {
  /** It told that it had come to its end. */
  ended: boolean;
  /** With which process it is held up. */
  heldUpBy: number | undefined;
  found: (Word & { kind: 'found' }) | undefined;
  readonly results: Result[];
}

export interface Listener {
  found(count: number): void;
  result(): void;
}

/** As dispatchSafely() on what scan() finds, by this program called again. */
export async function dispatchApart(
  listener: Listener,
): Promise<{ results: Result[]; unreadable: number[] }> {
  const results: Result[] = [];
  const silent: number[] = [];
  for (;;) {
    const part = await runPart([...results.map(({ pid }) => pid), ...silent], listener);
    results.push(...part.results);
    const { heldUpBy, found } = part;
    if (heldUpBy === undefined)
      return { results, unreadable: [...(found?.unreadable ?? []), ...silent] };
    const process = found?.processes.find(({ pid }) => pid === heldUpBy);
    if (process) results.push(heldUp(process));
    else silent.push(heldUpBy);
  }
}

function heldUp({ pid, name }: { pid: number; name: string }): Result {
  const { code, message } = new UlpError('timed-out', {
    subject: `process ${pid}`,
    fact: 'its memory does not answer',
  });
  return {
    pid,
    name,
    state: 'failed',
    changed: false,
    migrated: false,
    earlier: null,
    error: { code, message, changed: null },
  };
}

function runPart(without: readonly number[], listener: Listener): Promise<Part> {
  // Loaded here because a command for one process does without, and without the sockets that it
  // brings.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { spawn } = require('node:child_process') as typeof import('node:child_process');
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    // None of ours: one that cannot be killed would keep them open.
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, [LEFT_OUT]: without.join(',') },
  });
  const part: Part = { ended: false, heldUpBy: undefined, found: undefined, results: [] };
  let at: number | undefined;
  let said = '';
  const streams = [child.stderr, child.stdio[WORDS]] as [Readable, Readable];
  streams[0].on('data', (text: Buffer) => (said += text.toString()));
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout;
    const giveUp = (): void => {
      child.kill('SIGKILL');
      child.unref();
      for (const stream of streams) stream.destroy();
      part.heldUpBy = at;
      if (at === undefined) reject(new Failure(said, null, 'a time-out'));
      else resolve(part);
    };
    const listen = (): void => {
      clearTimeout(timer);
      timer = setTimeout(
        () => (timer = setTimeout(giveUp, GRACE_MS)),
        part.found ? PATIENCE.dispatch : PATIENCE.scan,
      );
    };
    listen();
    const hear = (line: string): void => {
      const word = JSON.parse(line) as Word;
      if (word.kind === 'at') at = word.pid;
      else if (word.kind === 'end') part.ended = true;
      else if (word.kind === 'found') {
        part.found = word;
        listener.found(word.processes.length);
      } else {
        part.results.push(word.result);
        listener.result();
      }
      listen();
    };
    let begun = '';
    streams[1].setEncoding('utf8').on('data', (text: string) => {
      const lines = (begun + text).split('\n');
      begun = lines.pop() ?? '';
      lines.forEach(hear);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (part.ended) resolve(part);
      else reject(new Failure(said, code, signal));
    });
  });
}

/** It did not come to its end: what it said, and how it ended. */
export class Failure extends Error {
  constructor(
    readonly said: string,
    readonly code: number | null,
    readonly signal: string | null,
  ) {
    super(`${said}(ended with ${code ?? signal ?? ''})`);
  }
}
