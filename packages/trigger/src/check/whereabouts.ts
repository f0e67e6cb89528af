/**
 * Where threads are in words and names: from where they entered, what they wait in, what is on
 * their stacks. Reads memory and symbol tables, and takes longer than a check: only for what is
 * shown.
 */
import {
  findRuntime,
  now,
  placeDocument,
  placeText,
  readCallSite,
  scanStack,
  Symbolizer,
  type Claim,
  type PlaceDocument,
  type Process,
  type Runtime,
} from '@ulp/ptrace-ffi';
import type { Check, CheckedThread } from './check';

export interface LocatedCall {
  /** Path of the target library. */
  readonly library: string;
  /** null: just entering. */
  readonly universe: number | null;
  /** Inside until the thread ends, because return slots had run out. */
  readonly pinned: boolean;
  /**
   * A coroutine that is not running; or the call was left by a jump, and its frame is still there.
   */
  readonly suspended: boolean;
  /** The place that called the library; null: pinned, or the thread has moved on meanwhile. */
  readonly since: PlaceDocument | null;
}

export interface LocatedStack {
  /** `in futex`, `running`: see StackScan. */
  readonly doing: string;
  /** Where it is, and what lies on its stack and looks like calls; innermost first. */
  readonly places: readonly PlaceDocument[];
  /** Why the list is not whole. */
  readonly missing: string | null;
}

export interface LocatedThread extends Pick<CheckedThread, 'tid' | 'name' | 'migrated'> {
  readonly inside: readonly LocatedCall[];
  /** Of a thread that has not migrated. */
  readonly stack: LocatedStack | null;
}

export interface Whereabouts {
  readonly threads: readonly LocatedThread[];
  readonly suspended: readonly LocatedCall[];
}

/** How long stacks are looked at, in ms: a process may have many threads. */
const STACKS_MS = 10_000;
const NOT_LOOKED_AT: LocatedStack = {
  doing: 'not looked at',
  places: [],
  missing: 'too many threads',
};

/** Of all threads, or only of those that have not migrated. */
export function locate(
  process: Process,
  { threads, suspended }: Check,
  { all }: { readonly all: boolean },
): Whereabouts {
  const maps = process.maps();
  const images = process.images(maps);
  const runtime = findRuntime(process, images, maps);
  const symbolizer = new Symbolizer(process, maps, images);
  const end = now() + STACKS_MS;
  try {
    const call = (claim: Claim): LocatedCall => locateCall(process, symbolizer, claim);
    return {
      threads: threads
        .filter((thread) => all || !thread.migrated)
        .map((thread) => ({
          tid: thread.tid,
          name: thread.name,
          migrated: thread.migrated,
          inside: thread.inside.map(call),
          stack: thread.migrated
            ? null
            : now() < end
              ? locateStack(runtime, symbolizer, thread)
              : NOT_LOOKED_AT,
        })),
      suspended: suspended.map(call),
    };
  } finally {
    symbolizer.close();
  }
}

function locateCall(process: Process, symbolizer: Symbolizer, claim: Claim): LocatedCall {
  const address = readCallSite(process.memory, claim);
  return {
    library: claim.library.image.path,
    universe: claim.universe ?? null,
    pinned: claim.pinned,
    suspended: claim.slot === 'limbo' || claim.slot === 'contested',
    since: address === undefined ? null : placeDocument(symbolizer.place(address)),
  };
}

function locateStack(
  runtime: Runtime,
  symbolizer: Symbolizer,
  thread: CheckedThread,
): LocatedStack {
  const { doing, addresses, missing } = scanStack(runtime, symbolizer, thread, thread.inside);
  return {
    doing,
    places: addresses.map((address, i) => placeDocument(symbolizer.place(address, i > 0))),
    missing: missing ?? null,
  };
}

/** `in LIBRARY, universe 1, since PROGRAM:function+0x2c`. Not escaped. */
export function callText({ library, universe, pinned, suspended, since }: LocatedCall): string {
  return [
    `${suspended ? 'suspended in' : 'in'} ${library}`,
    universe === null ? 'entering' : `universe ${universe}`,
    ...(pinned ? ['pinned'] : [since ? `since ${placeText(since)}` : 'moving on']),
  ].join(', ');
}

export const threadText = ({ inside }: LocatedThread): string =>
  inside.length === 0 ? 'outside' : inside.map(callText).join('; ');
