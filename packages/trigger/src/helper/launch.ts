/**
 * Has the helper in the target process started for the request in the buffer: chooses threads one
 * after the other and borrows the first that will do.
 */
import { abi, remoteAddress, UlpError } from '@ulp/core';
import { borrow } from '../borrow/borrow';
import { newToken, readMark, requestAddress } from '../borrow/loan';
import type { Session } from '../borrow/session';
import { neededCalls } from '../calls/needed';
import { Choice } from '../choose/choice';
import type { Process } from '@ulp/ptrace-ffi';
import { pause, type Conversation } from './conversation';

const { OPERATION, STATE } = abi;
/** How long the gadget may take to clear up when clone failed, in calls of pause(). */
const REPAIR_TURNS = 150;

/**
 * Finds out whether some thread may be borrowed: the helper inherits its seccomp filters.
 * @throws as Choice.requireAllowed
 */
export async function chooseFor(talk: Conversation, operation: number): Promise<Choice> {
  const calls = neededCalls(talk.control(), operation === OPERATION.apply);
  const choice = new Choice(talk.process, calls, talk.safePoint, talk.session.stops);
  await choice.requireAllowed(talk.deadline);
  return choice;
}

/**
 * @param word sequence << 8 | requested
 * @throws UlpError timed-out when no thread could be borrowed in time: the request is dropped;
 * as launchHelper
 */
export async function launch(talk: Conversation, word: bigint, choice: Choice): Promise<void> {
  const { process, session, deadline } = talk;
  talk.begin(word);
  try {
    if (await launchHelper(process, talk.control(), word, { choice, session }, deadline)) return;
  } catch (error) {
    if (error instanceof UlpError && error.code === 'process-missing') throw error;
    // The gadget itself clears up when clone failed.
    for (let turn = 0; turn < REPAIR_TURNS && !talk.look().idle; turn++) await pause(turn);
    drop(talk, word);
    throw error;
  }
  drop(talk, word);
  throw choice.tooLate();
}

/** For a request that no thread works on, while the lock is held. */
function drop(talk: Conversation, word: bigint): void {
  const { state, idle } = talk.look();
  if (idle) return;
  // Should a thread be on its way into the gadget nevertheless, its helper finds this.
  talk.write('cancel', word >> 8n);
  if (state === STATE.requested) talk.write('state', (word & ~0xffn) | BigInt(STATE.done));
  if (state !== STATE.launched) return;
  // A fault in the gadget: nobody else clears up.
  talk.process.memory.write(remoteAddress(talk.control().tid_address), Buffer.alloc(4), 'tid');
  talk.write('state', (word & ~0xffn) | BigInt(STATE.failed));
}

/**
 * @param state sequence << 8 | requested
 * @returns false when no thread could be borrowed in time: nobody was disturbed
 * @throws UlpError process-missing, process-traced, process-denied, process-unsupported (its
 * filters), patch-refused (clone failed)
 */
export async function launchHelper(
  process: Process,
  control: abi.UlpControl,
  state: bigint,
  { choice, session }: { readonly choice: Choice; readonly session: Session },
  deadline: number,
): Promise<boolean> {
  const { memory } = process;
  const request = requestAddress(control);
  const loan = {
    process,
    memory,
    control,
    state,
    stops: session.stops,
    confirm: choice.confirm,
    token: newToken(),
    mark: readMark(memory, request),
  };
  session.prepare(loan);
  return choice.tryEach(deadline, {
    attempt: ({ tid }) => borrow({ ...loan, maps: process.maps() }, tid),
    afterRound: () => process.assertHolds(request, loan.mark),
  });
}
