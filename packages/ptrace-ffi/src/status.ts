/** /proc/PID/status, as a map from field to text. */
import { tryReadProcFile } from './proc-file';

/** @returns undefined when there is no such process or thread */
export function readStatus(path: string): ReadonlyMap<string, string> | undefined {
  const text = tryReadProcFile(path);
  if (text === undefined) return undefined;
  return new Map(
    text.split('\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
    }),
  );
}

/** The numbers of a field such as `Uid:` or `NSpid:`. */
export const numbers = (field: string | undefined): number[] =>
  (field ?? '').split(/\s+/).filter(Boolean).map(Number);
