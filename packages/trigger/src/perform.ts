/**
 * Has the helper in the target carry out one request, whoever left what behind, and waits for its
 * answer.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { abi, ByteView, remoteAddress, UlpError } from '@ulp/core';
import { lockProcess, now, sleep, type Process, type Runtime } from '@ulp/ptrace-ffi';
import { launchHelper, readMark } from './borrow';
import { neededCalls } from './calls';
import { notBorrowed } from './candidates';
import { Moments } from './moments';
import { Permits } from './permits';
import { requireUntraced } from './reachable';
import { releaseLateStops } from './stopping';

/** What became of a request that another tool had left unfinished. */
export type Earlier = 'finished' | 'dropped';

export interface Answer {
  /** abi.RESULT.* */
  readonly result: number;
  /** In the helper's words; empty when all went well. */
  readonly message: string;
  readonly universe: bigint;
  /** Reverted patches that are still in memory. */
  readonly retained: number;
  /** What another tool had left came to its end first; null: nothing was left. */
  readonly earlier: Earlier | null;
}

const { OPERATION, STATE, PHASE, RESULT } = abi;
/** How long the gadget may take to clear up when clone failed, in calls of pause(). */
const REPAIR_TURNS = 150;
/** How long a commit may take once it has begun, in calls of pause(). */
const COMMIT_TURNS = 300;
/**
 * Every which call of pause() it is asked whether the process is still the same: within a fifth of
 * a second.
 */
const ASKED_TURNS = 20;

/**
 * Most answers come within a millisecond: look often at first, and let the event loop live later.
 */
async function pause(turn: number): Promise<void> {
  if (turn < 100) sleep(0.05);
  else await delay(turn < 200 ? 1 : 10);
}

/** What the process may have ended of. */
const WHILE: Readonly<Record<number, string>> = {
  [OPERATION.apply]: 'while the patch was being loaded',
  [OPERATION.revert]: 'while the patch was being taken back',
  [OPERATION.collect]: 'while what is out of use was being unloaded',
};

class Conversation {
  readonly moments: Moments;
  /** The request that a helper may be at work on. */
  private begun: { readonly sequence: bigint; readonly operation: number } | undefined;
  /** As it was when it was read last. */
  private phase = 0n;

  constructor(
    readonly process: Process,
    readonly runtime: Runtime,
    readonly deadline: number,
  ) {
    this.moments = new Moments(process);
  }

  control(): abi.UlpControl {
    const control = this.runtime.readControl();
    this.phase = control.phase;
    return control;
  }

  /** What an error comes to once a helper was at work: the process may have ended of the patch. */
  explain(error: unknown): unknown {
    const isMissing = error instanceof UlpError && error.code === 'process-missing';
    if (!isMissing || !this.begun || !this.process.hasEnded()) return error;
    const { sequence, operation } = this.begun;
    const isCommitted = this.phase === ((sequence << 8n) | BigInt(PHASE.committed));
    const did = operation === OPERATION.apply ? 'applied' : 'reverted';
    return new UlpError(
      'process-ended',
      {
        subject: this.process.subject,
        fact: isCommitted ? `it ended when the patch was ${did}` : `it ended ${WHILE[operation]}`,
        changed: isCommitted ? 'yes' : 'unknown',
        detail: `perhaps because of the patch; changed: ${isCommitted ? 'yes' : 'unknown'}`,
      },
      error,
    );
  }

  /** The state word, and whether a helper lives. */
  look(): { readonly word: bigint; readonly state: number; readonly idle: boolean } {
    const control = this.control();
    const tid = this.process.memory.read(remoteAddress(control.tid_address), 4).readUInt32LE();
    const state = Number(control.state & 0xffn);
    const idle = tid === 0 && (state === STATE.done || state === STATE.failed);
    return { word: control.state, state, idle };
  }

  write(field: 'state' | 'cancel', value: bigint): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    const at = this.runtime.address + BigInt(abi.ulp_control.offset[field]);
    this.process.memory.write(remoteAddress(at), bytes, `ulp_control.${field}`);
  }

  /** @returns false when time ran out first @throws UlpError process-missing */
  async until(done: () => boolean): Promise<boolean> {
    for (let turn = 0; !done(); turn++) {
      if (now() >= this.deadline) return done();
      if (turn % ASKED_TURNS === ASKED_TURNS - 1) this.assertSameUnlessDenied();
      await pause(turn);
    }
    return true;
  }

  /**
   * The request is in the memory that the process has now: it has executed no other program, which
   * would never answer. What is read here may be the old one's, kept alive by another process that
   * shares it.
   * @throws UlpError process-missing, process-denied
   */
  assertSame(): void {
    const request = remoteAddress(this.control().request);
    this.process.assertHolds(request, readMark(this.process.memory, request));
  }

  /**
   * A process that has just given up its rights cannot be asked by its user; its helper goes on,
   * and the memory that is open stays so.
   */
  assertSameUnlessDenied(): void {
    try {
      this.assertSame();
    } catch (error) {
      if (!(error instanceof UlpError && error.code === 'process-denied')) throw error;
    }
  }

  /**
   * May some thread be borrowed? The helper inherits its seccomp filters. @throws as
   * Permits.require
   */
  async permits(operation: number): Promise<Permits> {
    const calls = neededCalls(this.control(), operation === OPERATION.apply);
    const permits = new Permits(this.process, calls, this.moments);
    await permits.require(this.deadline);
    return permits;
  }

  /** The operation of the request in the buffer. */
  operation(): number {
    const at = remoteAddress(this.control().request);
    return this.process.memory.readStruct(abi.ulp_request, at, 'the request').operation;
  }

  /** @returns false when no thread could be borrowed in time: the request is dropped */
  async launch(word: bigint, permits: Permits): Promise<boolean> {
    this.begun = { sequence: word >> 8n, operation: this.operation() };
    try {
      const { process, moments, deadline } = this;
      if (await launchHelper(process, this.control(), word, { permits, moments }, deadline))
        return true;
    } catch (error) {
      if (error instanceof UlpError && error.code === 'process-missing') throw error;
      // The gadget itself clears up when clone failed.
      for (let turn = 0; turn < REPAIR_TURNS && !this.look().idle; turn++) await pause(turn);
      this.drop(word);
      throw error;
    }
    this.drop(word);
    return false;
  }

  /** For a request that no thread works on, while the lock is held. */
  private drop(word: bigint): void {
    const { state, idle } = this.look();
    if (idle) return;
    // Should a thread be on its way into the gadget nevertheless, its helper finds this.
    this.write('cancel', word >> 8n);
    if (state === STATE.requested) this.write('state', (word & ~0xffn) | BigInt(STATE.done));
    if (state !== STATE.launched) return;
    // A fault in the gadget: nobody else clears up.
    this.process.memory.write(remoteAddress(this.control().tid_address), Buffer.alloc(4), 'tid');
    this.write('state', (word & ~0xffn) | BigInt(STATE.failed));
  }
}

/** @throws UlpError process-missing, process-denied: there is another reason */
function tooLate(talk: Conversation, fact: string, detail: string): UlpError {
  talk.assertSame();
  return new UlpError('timed-out', { subject: talk.process.subject, fact, detail });
}
const UNCHANGED = 'nothing was changed';

/** What a tool must hold while it talks with the helper. */
async function converse<T>(
  process: Process,
  runtime: Runtime,
  deadline: number,
  action: (talk: Conversation) => Promise<T>,
): Promise<T> {
  const lock = lockProcess(process.pid, Math.max(0, deadline - now()));
  const talk = new Conversation(process, runtime, deadline);
  try {
    // No other tool can be the tracer now.
    requireUntraced(process, 0);
    return await action(talk);
  } catch (error) {
    throw talk.explain(error);
  } finally {
    talk.moments.close();
    releaseLateStops(process);
    lock.release();
  }
}

/** Does nobody work on a request, and is none left behind? */
export const isIdle = (process: Process, runtime: Runtime): boolean =>
  new Conversation(process, runtime, 0).look().idle;

/**
 * Waits for the tool that is at work, and finishes its request if it has died.
 * @returns what became of the request; null when none was left
 * @throws as perform
 */
export const finishUnfinished = (
  process: Process,
  runtime: Runtime,
  deadline: number,
): Promise<Earlier | null> => converse(process, runtime, deadline, finishEarlier);

/**
 * @param request encoded; see request.ts
 * @param deadline for everything together; see now()
 * @throws UlpError timed-out (the message says whether anything was changed), process-*,
 * patch-refused
 */
export function perform(
  process: Process,
  runtime: Runtime,
  request: Uint8Array,
  deadline: number,
): Promise<Answer> {
  return converse(process, runtime, deadline, async (talk) => {
    const earlier = await finishEarlier(talk);
    const control = talk.control();
    const { operation } = abi.ulp_request.read(new ByteView(request, 'request'));
    const permits = await talk.permits(operation);
    const sequence = (control.state >> 8n) + 1n;
    process.memory.write(remoteAddress(control.request), request, 'request buffer');
    const word = (sequence << 8n) | BigInt(STATE.requested);
    talk.write('state', word);
    if (!(await talk.launch(word, permits))) throw notBorrowed(process, talk.moments);
    return { ...(await awaitAnswer(talk, sequence)), earlier };
  });
}

/** Brings what another tool left behind to its end, whichever that is. */
async function finishEarlier(talk: Conversation): Promise<Earlier | null> {
  const { word, state, idle } = talk.look();
  if (idle) return null;
  // It was written whole before its tool died; the same request is launched, not rewritten.
  if (state === STATE.requested && !(await talk.launch(word, await talk.permits(talk.operation()))))
    throw notBorrowed(talk.process, talk.moments);
  if (!(await talk.until(() => talk.look().idle)))
    throw tooLate(talk, 'an earlier request is still being worked on', UNCHANGED);
  const isDone = talk.look().state === STATE.done;
  const { result } = talk.control();
  return isDone && (result === RESULT.ok || result === RESULT.unchanged) ? 'finished' : 'dropped';
}

/** Waits; when time runs out, calls the request off, and finds out which of the two came first. */
async function awaitAnswer(talk: Conversation, sequence: bigint): Promise<Omit<Answer, 'earlier'>> {
  if (await talk.until(() => talk.look().idle)) return readAnswer(talk);
  talk.write('cancel', sequence);
  const { phase } = talk.control();
  if (phase >> 8n !== sequence || Number(phase & 0xffn) < PHASE.committing)
    throw tooLate(
      talk,
      'the helper in it is held up, probably by a lock',
      `${UNCHANGED}; the request is called off`,
    );
  // The commit takes microseconds: see it through.
  for (let turn = 0; turn < COMMIT_TURNS && !talk.look().idle; turn++) await pause(turn);
  if (talk.look().idle) return readAnswer(talk);
  talk.assertSameUnlessDenied();
  // Only what comes behind the commit is held up: unloading what is out of use.
  if (talk.control().phase === ((sequence << 8n) | BigInt(PHASE.committed)))
    return { ...readAnswer(talk), result: RESULT.ok, message: '' };
  throw tooLate(
    talk,
    'the helper in it is held up at the last step',
    'ulp-check tells whether the patch is applied',
  );
}

/** @throws UlpError patch-refused when the helper never began */
function readAnswer(talk: Conversation): Omit<Answer, 'earlier'> {
  if (talk.look().state === STATE.failed)
    throw new UlpError('patch-refused', {
      subject: talk.process.subject,
      fact: 'the helper in it could not be started',
      found: 'clone(2) failed',
      detail: `perhaps a limit on the number of processes; ${UNCHANGED}`,
    });
  const { result, message, retained, result_universe: universe } = talk.control();
  return { result, message, retained, universe };
}
