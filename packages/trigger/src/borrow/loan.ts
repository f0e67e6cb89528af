/** What a thread is borrowed for: the same for each thread that is tried. */
import { randomBytes } from 'node:crypto';
import { abi, remoteAddress, type RemoteAddress } from '@ulp/core';
import type { Mapping, Memory, Process } from '@ulp/ptrace-ffi';
import type { Tracee } from '@ulp/ptrace-ffi/borrowing';
import type { Stops } from './stops';

export interface Loan {
  readonly process: Process;
  /** Of the process; in a rehearsal our own. */
  readonly memory: Memory;
  readonly control: abi.UlpControl;
  /** sequence << 8 | requested */
  readonly state: bigint;
  readonly stops: Stops;
  /** Has a thread that stands the filters with which it was chosen? See Filters.confirm. */
  readonly confirm: (tracee: Tracee) => number | undefined;
  /** Of the process, read anew for each thread; in a rehearsal our own. */
  readonly maps: readonly Mapping[];
  /**
   * Random, new for each launch. Written through the memory that everything was checked in, and
   * read back through the thread: so it is sure that it still is a thread of that memory. It may
   * have executed another program, perhaps with more rights, while a process that shares the old
   * memory keeps that alive; or its id is another's now.
   */
  readonly token: bigint;
  /**
   * How the request in the buffer starts, which no program has there that has just begun: asked
   * first, so that nothing is written for it.
   */
  readonly mark: bigint;
}

export const newToken = (): bigint => randomBytes(abi.TOKEN_BYTES).readBigUInt64LE();

const MARK_BYTES = 8;

/** See Loan.mark. @throws UlpError process-hostile, process-missing */
export const readMark = (memory: Memory, request: RemoteAddress): bigint =>
  memory.read(request, MARK_BYTES, 'the request').readBigUInt64LE();

/** Where the request lies of which a control block tells. */
export const requestAddress = ({ request }: abi.UlpControl): RemoteAddress =>
  remoteAddress(request);
