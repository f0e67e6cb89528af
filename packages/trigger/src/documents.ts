/** The JSON documents of ulp-trigger and ulp-check, as plain values; schema.ts describes them. */
import { hex } from '@ulp/core';
import type { Metadata } from '@ulp/metadata';
import type { Process } from '@ulp/ptrace-ffi';
import type { Change } from './change';
import type { Check } from './check/check';
import type { Whereabouts } from './check/whereabouts';

export const triggerDocument = (
  process: Process,
  metadata: Metadata,
  dryRun: boolean,
  change: Change,
) => ({
  schema: 'ulp-trigger/1' as const,
  pid: process.pid as number,
  patch: metadata.id as string,
  dryRun,
  ...change,
  replacements: change.replacements.map((r) => ({ ...r, address: hex(r.address) })),
});

/** @param where what `--threads` adds */
export const checkDocument = (
  process: Process,
  metadata: Metadata,
  { state, universe, migrated, incomplete }: Check,
  where?: Whereabouts,
) => ({
  schema: 'ulp-check/1' as const,
  pid: process.pid as number,
  patch: metadata.id as string,
  applied: state === 'applied',
  state,
  universe,
  migrated,
  incomplete,
  ...where,
});
