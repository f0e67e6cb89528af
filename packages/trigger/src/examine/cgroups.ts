/**
 * What a control group (cgroups(7), both versions) holds back from a process, as far as its files
 * lie where systemd mounts them. What cannot be seen counts as free: a process that does not run is
 * then given up in time.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UlpError } from '@ulp/core';
import type { Process } from '@ulp/ptrace-ffi';

const ROOT = '/sys/fs/cgroup';

/** A file's text, or undefined. */
function read(group: string, name: string): string | undefined {
  try {
    return readFileSync(join(group, name), 'utf8');
  } catch {
    return undefined;
  }
}

interface Group {
  /** As /proc/PID/cgroup names it. */
  readonly path: string;
  /** Where its hierarchy may be mounted: the second version also beside the first. */
  readonly folders: readonly string[];
}

/** The groups of a process for a controller: that of the first version, and that of the second. */
function groups(process: Process, controller: string): Group[] {
  const lines = process.through((task) => read(`/proc/${task}`, 'cgroup')) ?? '';
  return lines.split('\n').flatMap((line): Group[] => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) return [];
    if (controllers === '') return [{ path, folders: [ROOT, join(ROOT, 'unified')] }];
    return controllers.split(',').includes(controller)
      ? [{ path, folders: [join(ROOT, controller), join(ROOT, controllers)] }]
      : [];
  });
}

/** @throws UlpError process-unsupported */
export function requireThawed(process: Process): void {
  for (const { path, folders } of groups(process, 'freezer'))
    for (const folder of folders) {
      const state = read(join(folder, path), 'freezer.state');
      const events = read(join(folder, path), 'cgroup.events');
      if (!/^FR/.test(state ?? '') && !/^frozen 1$/m.test(events ?? '')) continue;
      throw new UlpError('process-unsupported', {
        subject: process.subject,
        fact: 'its control group is frozen',
        found: path,
        detail: 'thaw it first (cgroup.freeze or freezer.state)',
      });
    }
}

/**
 * The kernel would end a process of the group where ours takes the last of its memory.
 * @param bytes that have to be free
 * @throws UlpError process-unsupported
 */
export function requireMemory(process: Process, bytes: number): void {
  for (const { path, folders } of groups(process, 'memory'))
    for (const folder of folders)
      for (const group of upwards(path)) {
        const free = freeMemory(join(folder, group));
        if (free >= bytes) continue;
        throw new UlpError('process-unsupported', {
          subject: process.subject,
          fact: `its control group ${group} is at its limit of memory`,
          expected: `${bytes} bytes`,
          found: String(free),
          detail: 'raise memory.max or memory.limit_in_bytes; nothing was changed',
        });
      }
}

/** `/a/b`, `/a`: the limit of each counts. The outermost group has none. */
function upwards(path: string): string[] {
  const names = path.split('/').filter(Boolean);
  return names.map((_, i) => `/${names.slice(0, names.length - i).join('/')}`);
}

/** In bytes, with what the kernel would take back from its cache of files. */
function freeMemory(folder: string): number {
  const number = (name: string): number => Number(read(folder, name)?.trim() ?? NaN);
  const limit = [number('memory.max'), number('memory.limit_in_bytes')].find((n) => n >= 0);
  const used = [number('memory.current'), number('memory.usage_in_bytes')].find((n) => n >= 0);
  // `max` is no number.
  if (limit === undefined || used === undefined) return Infinity;
  const stat = read(folder, 'memory.stat') ?? '';
  // The first version has those of the group alone, and total_ ones with its children.
  const total = /^total_inactive_file/m.test(stat) ? 'total_' : '';
  const cached = ['inactive_file', 'active_file'].map((name) =>
    Number(new RegExp(`^${total}${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0),
  );
  return Math.max(0, limit - used) + cached.reduce((sum, n) => sum + n, 0);
}
