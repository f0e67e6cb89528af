/** Which processes does a patch concern? Those that map a library with a target's build-id. */
import { isUlpError, pid as asPid, UlpError, type Pid } from '@ulp/core';
import type { Metadata } from '@ulp/metadata';
import { ImageCache, listPids, openProcess, type Process } from '@ulp/ptrace-ffi';

export interface Scan {
  readonly processes: readonly Process[];
  /** Processes that may not be looked into, and so may be concerned. */
  readonly unreadable: readonly Pid[];
}

/** Looks at every process that /proc shows; reads, stops nobody. Those that end meanwhile are left out. */
export function scan(metadata: Metadata, writable: boolean): Scan {
  const wanted = new Set(metadata.targets.map((target) => target.buildId));
  const cache = new ImageCache();
  const processes: Process[] = [];
  const unreadable: Pid[] = [];
  for (const pid of listPids()) {
    if (pid === asPid(process.pid)) continue;
    try {
      const candidate = openProcess(pid, { writable, cache });
      const concerned = candidate
        .images()
        .some((image) => image.buildId !== undefined && wanted.has(image.buildId));
      if (concerned) processes.push(candidate);
      else candidate.close();
    } catch (error) {
      if (isDenied(error)) unreadable.push(pid);
      else if (!isUninteresting(error)) throw error;
    }
  }
  return { processes, unreadable };
}

const isDenied = (error: unknown): boolean =>
  error instanceof UlpError && error.code === 'process-denied';

/** It has ended, or is of a kind that maps no library of ours, or its memory makes no sense. */
const isUninteresting = (error: unknown): boolean => isUlpError(error) && error.exitCode !== 70;
