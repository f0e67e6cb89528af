/**
 * Has the helper in the target process carry out one request, whatever other tools have left
 * unfinished, and waits for its answer.
 */
import { abi, ByteView, UlpError } from '@ulp/core';
import type { Process, Runtime } from '@ulp/ptrace-ffi';
import { requestAddress } from '../borrow/loan';
import { Session } from '../borrow/session';
import { converse, isAtWork, pause, type Conversation } from './conversation';
import type { Earlier } from './earlier';
import { chooseFor, launch } from './launch';

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

const { STATE, PHASE, RESULT } = abi;
/** How long a commit may take once it has begun, in calls of pause(). */
const COMMIT_TURNS = 300;

/** Of this program. */
const session = new Session();

/**
 * Waits for the tool that is at work, and finishes its request if it has died.
 * @returns what became of the request; null when none was left; undefined: nobody was at work
 * @throws as perform
 */
export async function finishUnfinished(
  process: Process,
  runtime: Runtime,
  deadline: number,
): Promise<Earlier | null | undefined> {
  if (!isAtWork(process, runtime, session)) return undefined;
  return converse({ process, runtime, deadline, session, memory: 0, dryRun: false }, finishEarlier);
}

export interface Order {
  /** Encoded; see request.ts. */
  readonly request: Uint8Array;
  /** What the request takes in the process, in bytes. */
  readonly memory: number;
}

/**
 * @param deadline for everything together; see now()
 * @param dryRun only find out whether the helper could be asked now
 * @returns undefined in a dry run
 * @throws UlpError timed-out (the message says whether anything was changed), process-*,
 * patch-refused
 */
export function perform(
  process: Process,
  runtime: Runtime,
  { request, memory }: Order,
  deadline: number,
  dryRun = false,
): Promise<Answer | undefined> {
  return converse({ process, runtime, deadline, session, memory, dryRun }, async (talk) => {
    const earlier = await finishEarlier(talk);
    const control = talk.control();
    const { operation } = abi.ulp_request.read(new ByteView(request, 'request'));
    const choice = await chooseFor(talk, operation);
    const sequence = (control.state >> 8n) + 1n;
    process.memory.write(requestAddress(control), request, 'request buffer');
    const word = (sequence << 8n) | BigInt(STATE.requested);
    talk.write('state', word);
    await launch(talk, word, choice);
    return { ...(await awaitAnswer(talk, sequence)), earlier };
  });
}

/** @throws UlpError process-missing, process-denied: there is another reason */
function tooLate(talk: Conversation, fact: string, detail: string): UlpError {
  talk.assertSame();
  return new UlpError('timed-out', { subject: talk.process.subject, fact, detail });
}
const UNCHANGED = 'nothing was changed';

/** Brings what another tool has left to its end, whichever that is. */
async function finishEarlier(talk: Conversation): Promise<Earlier | null> {
  const { word, state, idle } = talk.look();
  if (idle) return null;
  // It was written whole before its tool died; the same request is launched, not rewritten.
  if (state === STATE.requested) await launch(talk, word, await chooseFor(talk, talk.operation()));
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
  // Only what follows the commit is held up: unloading what is out of use.
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
