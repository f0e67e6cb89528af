/** The JSON document of ulp-dispatcher, as a plain value; schema.ts describes it. */
import type { Metadata } from '@ulp/metadata';
import type { Action, Result } from './dispatch';

export const dispatcherDocument = (
  action: Action,
  metadata: Metadata,
  dryRun: boolean,
  settled: boolean,
  results: readonly Result[],
  unreadable: readonly number[],
) => ({
  schema: 'ulp-dispatcher/1' as const,
  action,
  patch: metadata.id as string,
  dryRun,
  settled,
  processes: results,
  unreadable,
});
