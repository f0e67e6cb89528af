/** Has the helper in the target carry out one request, whoever left what behind, and waits for its answer. */
import { setTimeout as delay } from 'node:timers/promises';
import { abi, remoteAddress, UlpError } from '@ulp/core';
import { lockProcess, now, sleep, type Process, type Runtime } from '@ulp/ptrace-ffi';
import { launchHelper, releaseLateStops } from './borrow';

export interface Answer {
  /** abi.RESULT.* */
  readonly result: number;
  /** In the helper's words; empty when all went well. */
  readonly message: string;
  readonly universe: bigint;
  /** Reverted patches that are still in memory. */
  readonly retained: number;
  /** An earlier tool's request was found unfinished, and was finished first. */
  readonly finishedEarlier: boolean;
}

const { STATE, PHASE } = abi;

/** Most answers come within a millisecond: look often at first, and let the event loop live later. */
async function pause(turn: number): Promise<void> {
  if (turn < 100) sleep(0.05);
  else await delay(turn < 200 ? 1 : 10);
}

class Conversation {
  constructor(
    readonly process: Process,
    readonly runtime: Runtime,
    readonly deadline: number,
  ) {}

  control(): abi.UlpControl {
    return this.runtime.readControl();
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

  /** @returns false when time ran out first */
  async until(done: () => boolean): Promise<boolean> {
    for (let turn = 0; !done(); turn++) {
      if (now() >= this.deadline) return done();
      if (turn % 100 === 99) this.process.assertAlive();
      await pause(turn);
    }
    return true;
  }

  launch(word: bigint): boolean {
    try {
      return launchHelper(this.process, this.control(), word, this.deadline);
    } catch (error) {
      if (error instanceof UlpError && error.code !== 'process-missing') this.drop(word);
      throw error;
    }
  }

  /** Nobody has launched it, and nobody else may: the lock is held. */
  drop(word: bigint): void {
    if (this.look().idle) return;
    const { state } = this.look();
    if (state === STATE.requested) this.write('state', (word & ~0xffn) | BigInt(STATE.done));
    // Launched, but clone failed: borrow.ts has cleared the tid word.
    if (state === STATE.launched) this.write('state', (word & ~0xffn) | BigInt(STATE.failed));
  }
}

const tooLate = (process: Process, fact: string, detail: string): UlpError =>
  new UlpError('timed-out', { subject: process.subject, fact, detail });
const UNCHANGED = 'nothing was changed';

/**
 * @param request encoded; see request.ts
 * @param timeoutMs for everything together
 * @throws UlpError timed-out (the message says whether anything was changed), process-*, patch-refused
 */
export async function perform(
  process: Process,
  runtime: Runtime,
  request: Uint8Array,
  timeoutMs: number,
): Promise<Answer> {
  const deadline = now() + timeoutMs;
  const lock = lockProcess(process.pid, timeoutMs);
  try {
    const talk = new Conversation(process, runtime, deadline);
    const finishedEarlier = await finishEarlier(talk);
    const control = talk.control();
    const sequence = (control.state >> 8n) + 1n;
    process.memory.write(remoteAddress(control.request), request, 'request buffer');
    const word = (sequence << 8n) | BigInt(STATE.requested);
    talk.write('state', word);
    if (!talk.launch(word)) {
      talk.drop(word);
      throw tooLate(process, 'no thread of it could be borrowed in time', UNCHANGED);
    }
    await awaitAnswer(talk, sequence);
    const { result, message, retained, result_universe: universe } = talk.control();
    return { result, message, retained, universe, finishedEarlier };
  } finally {
    releaseLateStops();
    lock.release();
  }
}

/** Brings what another tool left behind to its end. @returns whether there was anything */
async function finishEarlier(talk: Conversation): Promise<boolean> {
  const { word, state, idle } = talk.look();
  if (idle) return false;
  // It was written whole before its tool died; the same request is launched, not rewritten.
  if (state === STATE.requested && !talk.launch(word)) {
    talk.drop(word);
    throw tooLate(talk.process, 'no thread of it could be borrowed in time', UNCHANGED);
  }
  if (!(await talk.until(() => talk.look().idle)))
    throw tooLate(talk.process, 'an earlier request is still being worked on', UNCHANGED);
  return true;
}

/** Waits; when time runs out, calls the request off, and finds out which of the two came first. */
async function awaitAnswer(talk: Conversation, sequence: bigint): Promise<void> {
  if (await talk.until(() => talk.look().idle)) return;
  talk.write('cancel', sequence);
  const phase = talk.control().phase;
  const committing = phase >> 8n === sequence && Number(phase & 0xffn) >= PHASE.committing;
  if (!committing)
    throw tooLate(
      talk.process,
      'the helper in it is held up, probably by a lock',
      `${UNCHANGED}; the request is called off`,
    );
  // The commit takes microseconds: see it through.
  for (let turn = 0; turn < 500 && !talk.look().idle; turn++) await pause(turn);
  const { result } = talk.control();
  if (talk.look().idle && result === abi.RESULT.cancelled)
    throw tooLate(talk.process, 'the helper in it was held up', UNCHANGED);
}
