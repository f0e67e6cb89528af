/**
 * Check, patch or revert every process that has a target library loaded. The zod schema is in
 * '@ulp/dispatcher/schema'.
 */
export { dispatchOne, dispatchSafely, isSettled, type Action, type Result } from './dispatch';
export { dispatcherDocument } from './document';
export { scan, type Scan } from './scan';
