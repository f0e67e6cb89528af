/** Which processes does a patch concern? Those that map a library with a target's build-id. */
import { isUlpError, pid as asPid, UlpError, type Pid } from '@ulp/core';
import type { Metadata } from '@ulp/metadata';
import { ImageCache, listPids, openProcess, type Mapping, type Process } from '@ulp/ptrace-ffi';

interface Found {
  readonly process: Process;
  /** As they were when it was found. */
  readonly maps: readonly Mapping[];
}

export interface Scan {
  readonly processes: readonly Found[];
  /** Processes that may not be looked into, or make no sense, and so may be concerned. */
  readonly unreadable: readonly Pid[];
}

/**
 * Looks at every process that /proc shows; reads, stops nobody. Those that end meanwhile are left
 * out.
 * @param begin asked before each one: shall it be looked at?
 */
export function scan(
  metadata: Metadata,
  writable: boolean,
  begin: (pid: Pid) => boolean = () => true,
): Scan {
  const wanted = new Set(metadata.targets.map((target) => target.buildId));
  const cache = new ImageCache();
  const processes: Found[] = [];
  const unreadable: Pid[] = [];
  for (const pid of listPids()) {
    if (pid === asPid(process.pid) || !begin(pid)) continue;
    try {
      const candidate = openProcess(pid, { writable, cache });
      const maps = candidate.maps();
      const concerned = candidate
        .images(maps)
        .some((image) => image.buildId !== undefined && wanted.has(image.buildId));
      if (concerned) processes.push({ process: candidate, maps });
      else candidate.close();
    } catch (error) {
      if (isOpaque(error)) unreadable.push(pid);
      else if (!isUninteresting(error)) throw error;
    }
  }
  return { processes, unreadable };
}

/** It may be concerned, and does not let itself be looked into. */
const isOpaque = (error: unknown): boolean =>
  error instanceof UlpError && ['process-denied', 'process-hostile'].includes(error.code);

/** It has ended, or is of a kind that maps no library of ours. */
const isUninteresting = (error: unknown): boolean => isUlpError(error) && error.exitCode !== 70;
