/**
 * What ulp-inspect shows of one process: a plain value, ready for JSON, read without stopping
 * anybody.
 */
import { abi } from '@ulp/core';
import { readCallSite } from './call-site';
import { readUniverses, type Claim, type ThreadClaims } from './claims';
import { liveLibraries, type LiveLibrary } from './live-libraries';
import type { Process } from '../process';
import { checkedUniverse } from './checked-universe';
import { findRuntime, type Runtime } from './runtime';
import { placeDocument, Symbolizer, type PlaceDocument } from '../images/symbolizer';

export interface Inspection {
  readonly pid: number;
  readonly name: string;
  readonly runtime: {
    readonly path: string;
    readonly universe: number;
    /** Why it cannot work here; empty when it can. */
    readonly problems: readonly string[];
    readonly helper: string;
    readonly slotsExhausted: number;
    readonly claimsHealed: number;
  };
  readonly libraries: readonly InspectedLibrary[];
  readonly patches: readonly InspectedPatch[];
  readonly threads: readonly InspectedThread[];
  /** Calls that no living thread owns: coroutines whose thread has ended. */
  readonly ownerless: readonly InspectedClaim[];
}

interface InspectedLibrary {
  readonly path: string;
  readonly deleted: boolean;
  readonly buildId: string | null;
  readonly abi: number;
  readonly gated: boolean;
  readonly bound: boolean;
}

interface InspectedPatch {
  readonly id: string;
  readonly state: 'applied' | 'reverted' | 'pending';
  readonly universe: number;
  readonly reverted: number | null;
  readonly path: string;
  readonly functions: number;
  readonly dependencies: readonly string[];
}

export interface InspectedClaim {
  readonly library: string;
  readonly inside: boolean;
  /** null: outside, or just entering. */
  readonly universe: number | null;
  readonly pinned: boolean;
  readonly slot: Claim['slot'];
  /** What called the library; null: outside, pinned, or the thread has moved on meanwhile. */
  readonly since: PlaceDocument | null;
}

interface InspectedThread {
  readonly tid: number;
  /** In the process's own pid namespace. */
  readonly targetTid: number;
  readonly name: string;
  readonly claims: readonly InspectedClaim[];
}

/** @throws UlpError as findRuntime(); process-hostile, process-missing */
export function inspect(process: Process): Inspection {
  const maps = process.maps();
  const images = process.images(maps);
  const runtime = findRuntime(process, images, maps);
  const libraries = liveLibraries(process, images, runtime);
  const { threads, ownerless } = readUniverses(runtime, libraries);
  const symbolizer = new Symbolizer(process, maps, images);
  try {
    return describe(process, runtime, libraries, threads, ownerless, symbolizer);
  } finally {
    symbolizer.close();
  }
}

function describe(
  process: Process,
  runtime: Runtime,
  libraries: readonly LiveLibrary[],
  threads: readonly ThreadClaims[],
  ownerless: readonly Claim[],
  symbolizer: Symbolizer,
): Inspection {
  const describeClaim = (claim: Claim): InspectedClaim => {
    const site = readCallSite(process.memory, claim);
    return {
      library: claim.library.image.path,
      inside: claim.inside,
      universe: claim.universe ?? null,
      pinned: claim.pinned,
      slot: claim.slot,
      since: site === undefined ? null : placeDocument(symbolizer.place(site)),
    };
  };
  return {
    pid: process.pid,
    name: process.name,
    runtime: describeRuntime(runtime),
    libraries: libraries.map(describeLibrary),
    patches: runtime.patches().map((p) => ({
      id: p.id,
      state: p.state,
      universe: p.universe,
      reverted: p.reverted ?? null,
      path: p.path,
      functions: p.functionCount,
      dependencies: p.dependencies,
    })),
    threads: threads.map(({ thread, claims }) => ({
      tid: thread.tid,
      targetTid: thread.targetTid,
      name: thread.name,
      claims: claims.map(describeClaim),
    })),
    ownerless: ownerless.map(describeClaim),
  };
}

const PROBLEMS: readonly (readonly [number, string])[] = [
  [abi.RUNTIME_FLAG.noHelper, 'no helper thread could be made'],
  [abi.RUNTIME_FLAG.noMembarrier, 'membarrier(2) is denied or unknown'],
  [abi.RUNTIME_FLAG.shadowStack, 'shadow stacks are on'],
  [abi.RUNTIME_FLAG.interpreted, 'it runs under valgrind'],
  [
    abi.RUNTIME_FLAG.late,
    'libc comes before it in the lookup order, so it sees no longjmp (loaded by dlopen, or linked behind libc): preload it when the process starts',
  ],
];

/** What the control block says against using this runtime, in words; empty when all is well. */
export const runtimeProblems = (flags: number): string[] =>
  PROBLEMS.flatMap(([flag, text]) => (flags & flag ? [text] : []));

const STATE_NAMES = new Map<number, string>(
  Object.entries(abi.STATE).map(([name, value]) => [value, name]),
);

function describeRuntime(runtime: Runtime): Inspection['runtime'] {
  const control = runtime.readControl();
  return {
    path: runtime.image.path,
    universe: checkedUniverse(runtime.process.subject, control.universe),
    problems: runtimeProblems(control.flags),
    helper: STATE_NAMES.get(Number(control.state & 0xffn)) ?? 'unknown',
    slotsExhausted: Number(control.slots_exhausted),
    claimsHealed: Number(control.claims_healed),
  };
}

const describeLibrary = (library: LiveLibrary): InspectedLibrary => ({
  path: library.image.path,
  deleted: library.image.deleted,
  buildId: library.image.buildId ?? null,
  abi: library.abi,
  gated: library.gated,
  bound: library.bound,
});
