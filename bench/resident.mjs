/** Resident memory of a process, from /proc/PID/smaps, in KiB. */
import { readFileSync } from 'node:fs';

/**
 * Mappings in order: {name, anonymous, file}: pages of this process alone, and pages of files,
 * which processes share.
 */
export function mappings(pid) {
  const all = [];
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    const header = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(.*)$/.exec(line);
    if (header) all.push({ name: header[1], rss: 0, anonymous: 0 });
    const field = /^(Rss|Anonymous): +(\d+) kB$/.exec(line);
    if (field) all.at(-1)[field[1].toLowerCase()] = Number(field[2]);
  }
  return all.map(({ name, rss, anonymous }) => ({ name, anonymous, file: rss - anonymous }));
}

const sum = (list) =>
  list.reduce((a, b) => ({ anonymous: a.anonymous + b.anonymous, file: a.file + b.file }), {
    anonymous: 0,
    file: 0,
  });

/** Of the whole process. */
export const resident = (pid) => sum(mappings(pid));

/** Of one library: its mappings and the nameless one behind them, its .bss. */
export const residentLibrary = (pid, library) =>
  sum(
    mappings(pid).filter(
      ({ name }, i, all) =>
        name.endsWith(library) || (name === '' && all[i - 1]?.name.endsWith(library)),
    ),
  );
