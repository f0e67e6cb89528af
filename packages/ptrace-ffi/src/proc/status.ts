/** /proc/PID/status, as a map from field to text. */
import { tryReadProcFile } from './proc-file';

/** @returns undefined when there is no such process or thread */
export function readStatus(path: string): ReadonlyMap<string, string> | undefined {
  const text = tryReadProcFile(path);
  return text === undefined ? undefined : parseStatus(text);
}

/** @param text one byte a character; the kernel escapes line feeds in the name, and nothing else */
export function parseStatus(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    // The first of two counts: the kernel writes each field once.
    if (colon > 0 && !fields.has(line.slice(0, colon)))
      fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return fields;
}

/** The name of a process or thread, as it chose it. */
export const nameIn = (status: ReadonlyMap<string, string>): string =>
  Buffer.from(status.get('Name') ?? '', 'latin1').toString();

/** The numbers of a field such as `Uid:` or `NSpid:`. */
export const numbers = (field: string | undefined): number[] =>
  (field ?? '').split(/\s+/).filter(Boolean).map(Number);
