/**
 * A conversation with the helper in the target process: its control block, the wait for it, and
 * what a tool must hold and must have asked before.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { abi, remoteAddress, UlpError } from '@ulp/core';
import { now, type Process, type Runtime } from '@ulp/ptrace-ffi';
import { lockProcess, sleep } from '@ulp/ptrace-ffi/borrowing';
import { readMark, requestAddress } from '../borrow/loan';
import type { Session } from '../borrow/session';
import { SafePoint } from '../choose/safe-point';
import { requireReachable } from '../examine/reachable';
import { requireUntraced } from '../examine/untraced';

const { OPERATION, STATE, PHASE } = abi;
/**
 * Check that the process has not called execve(2) on every 20th call of pause(): at least every
 * 200 ms.
 */
const ASKED_TURNS = 20;

/**
 * Most answers come within a millisecond: look often at first, and let the event loop live later.
 */
export async function pause(turn: number): Promise<void> {
  if (turn < 100) sleep(0.05);
  else await delay(turn < 200 ? 1 : 10);
}

/** What the process may have ended of. */
const WHILE: Readonly<Record<number, string>> = {
  [OPERATION.apply]: 'while the patch was being loaded',
  [OPERATION.revert]: 'while the patch was being taken back',
  [OPERATION.collect]: 'while what is out of use was being unloaded',
};

export class Conversation {
  readonly safePoint: SafePoint;
  /** The request that a helper may be at work on. */
  private begun: { readonly sequence: bigint; readonly operation: number } | undefined;
  /** As it was when it was read last. */
  private phase = 0n;

  constructor(
    readonly process: Process,
    readonly runtime: Runtime,
    readonly deadline: number,
    readonly session: Session,
  ) {
    this.safePoint = new SafePoint(process);
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
    const request = requestAddress(this.control());
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

  /** The operation of the request in the buffer. */
  operation(): number {
    const at = requestAddress(this.control());
    return this.process.memory.readStruct(abi.ulp_request, at, 'the request').operation;
  }

  /** From now on a helper may be at work on the request of this state word. */
  begin(word: bigint): void {
    this.begun = { sequence: word >> 8n, operation: this.operation() };
  }
}

/** Is a tool or a helper at work on a request, or has a tool left one? */
export function isAtWork(process: Process, runtime: Runtime, session: Session): boolean {
  const talk = new Conversation(process, runtime, 0, session);
  // Without a helper nobody is at work. What is the matter is said where one is needed.
  return !(talk.control().flags & abi.RUNTIME_FLAG.noHelper) && !talk.look().idle;
}

export interface Topic {
  readonly process: Process;
  readonly runtime: Runtime;
  /** For everything together; see now(). */
  readonly deadline: number;
  readonly session: Session;
  /** That the request takes in the process, in bytes. */
  readonly memory: number;
  /** Only find out whether there could be a conversation now. */
  readonly dryRun: boolean;
}

/** How long another tool may borrow a thread while a dry run looks, in ms. */
const DRY_RUN_MS = 100;

/**
 * Holds the lock of the process for the action, in which no other tool can be its tracer.
 * @returns what the action does; undefined in a dry run
 * @throws as requireReachable, requireUntraced, lockProcess, and what the action throws
 */
export async function converse<T>(
  { process, runtime, deadline, session, memory, dryRun }: Topic,
  action: (talk: Conversation) => Promise<T>,
): Promise<T | undefined> {
  const talk = new Conversation(process, runtime, deadline, session);
  requireReachable(process, talk.control(), memory);
  if (dryRun) {
    requireUntraced(process, DRY_RUN_MS);
    return undefined;
  }
  const lock = lockProcess(process.pid, Math.max(0, deadline - now()));
  try {
    requireUntraced(process, 0);
    return await action(talk);
  } catch (error) {
    throw talk.explain(error);
  } finally {
    talk.safePoint.close();
    session.stops.releaseLate(process);
    lock.release();
  }
}
