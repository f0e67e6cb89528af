/**
 * Apply, revert and check a live patch in one running process. The zod schemas are in
 * '@ulp/trigger/schema'.
 */
export { applyPatch, revertPatch, type Change, type ChangeOptions } from './change';
export { EARLIER, type Earlier } from './helper/earlier';
export { type Action, type Replacement } from './plan';
export {
  awaitMigration,
  checkPatch,
  type Check,
  type CheckedThread,
  type PatchState,
} from './check/check';
export {
  locate,
  type LocatedCall,
  type LocatedStack,
  type LocatedThread,
  type Whereabouts,
} from './check/whereabouts';
export { checkDocument, triggerDocument } from './documents';
