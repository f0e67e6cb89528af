/**
 * Apply, revert and check a live patch in one running process. The zod schemas are in
 * '@ulp/trigger/schema'.
 */
export {
  applyPatch,
  EARLIER,
  revertPatch,
  type Action,
  type Change,
  type ChangeOptions,
  type Replacement,
} from './change';
export type { Earlier } from './perform';
export {
  awaitMigration,
  checkPatch,
  type Check,
  type CheckedThread,
  type PatchState,
} from './check';
export {
  locate,
  type LocatedCall,
  type LocatedStack,
  type LocatedThread,
  type Whereabouts,
} from './whereabouts';
export { checkDocument, triggerDocument } from './documents';
