/**
 * Another process: its identity, and what can be read of it. Nothing here stops it or changes it.
 */
import { UlpError, type Pid, type RemoteAddress, type Tid } from '@ulp/core';
import { isSixtyFourBit, readAuxv } from './proc/auxv';
import { explainDenial } from './proc/denial';
import { silentMappings } from './proc/file-systems';
import { ImageCache, type Image, readImages } from './images/images';
import { readLinkMap, type LinkMapEntry } from './images/link-map';
import type { AddressSpace } from './proc/address-space';
import { parseMaps, type Mapping } from './proc/maps';
import { Memory } from './proc/memory';
import { readProcFile } from './proc/proc-file';
import { isDead, readStat } from './proc/stat';
import { numbers, readStatus } from './proc/status';
import { openInRoot } from './proc/target-path';
import { libc } from './native';
import {
  livingThread,
  readAsleep,
  readThreads,
  throughThread,
  type Asleep,
  type Thread,
} from './proc/threads';

const ENOSYS = 38;

export interface OpenOptions {
  /** Ask for memory that can be written; false by default. */
  readonly writable?: boolean;
  /** What is known about files from other processes; shared by a scan. */
  readonly cache?: ImageCache;
}

/**
 * @throws UlpError process-missing (also a zombie), process-unsupported (kernel thread, 32-bit),
 *   process-denied
 */
export function openProcess(pid: Pid, options: OpenOptions = {}): Process {
  const subject = `process ${pid}`;
  let stat: ReturnType<typeof readStat>;
  try {
    stat = readStat(pid);
  } catch (error) {
    throw error instanceof UlpError ? error : explainDenial(pid, 'read', error);
  }
  if (!stat) throw new UlpError('process-missing', { subject });
  // /proc has an entry for every thread, though it lists only processes.
  const leader = Number(readStatus(`/proc/${pid}/status`)?.get('Tgid') ?? pid);
  if (leader !== pid)
    throw new UlpError('process-missing', { subject, found: `a thread of process ${leader}` });
  if (isDead(stat.state) && livingThread(pid) === undefined)
    throw new UlpError('process-missing', { subject, fact: 'it has ended', found: 'a zombie' });
  if (stat.kernelThread)
    throw new UlpError('process-unsupported', { subject, found: 'a kernel thread' });
  if (!isSixtyFourBit(throughThread(pid, readAuxv)))
    throw new UlpError('process-unsupported', {
      subject,
      expected: 'a 64-bit process',
      found: 'a 32-bit process',
    });
  return new Process(pid, stat.startTime, stat.name, options);
}

export class Process implements AddressSpace {
  private opened: Memory | undefined;
  /** By the last maps: see Memory.silent. */
  private silent: readonly Mapping[] = [];
  private readonly cache: ImageCache;
  private readonly writable: boolean;

  /** Use openProcess(). */
  constructor(
    readonly pid: Pid,
    /** Clock ticks after boot: with the pid, the identity of the process. */
    readonly startTime: bigint,
    /** Its short name, of at most 15 bytes, as the process itself chose it. */
    readonly name: string,
    options: OpenOptions,
  ) {
    this.cache = options.cache ?? new ImageCache();
    this.writable = options.writable ?? false;
  }

  get subject(): string {
    return `process ${this.pid}`;
  }

  /**
   * Opened at the first use. It stays with this address space: when the process ends or executes
   * another program, reads fail with process-missing.
   */
  get memory(): Memory {
    if (this.opened) return this.opened;
    const memory = this.through((task) => new Memory(this.pid, task, this.writable));
    memory.silent = this.silent;
    // Looked at afterwards: now it is sure whose memory was opened.
    this.assertSamePid();
    return (this.opened = memory);
  }

  /**
   * @throws UlpError process-missing when it has ended or executed another program, or another
   * process has its pid
   */
  assertAlive(): void {
    this.opened?.assertInUse();
    this.assertSamePid();
  }

  /**
   * As assertAlive, and sure also while another process, which shares the memory, keeps that alive.
   * @param word what lies at an address of the memory that was opened, and of no program that has
   * just begun
   * @throws UlpError process-missing, process-denied (another program may have other rights)
   */
  assertHolds(address: RemoteAddress, word: bigint): void {
    this.assertAlive();
    const current = this.through((task) => new Memory(this.pid, task));
    current.silent = this.silent;
    const found = current.tryRead(address, 8);
    current.close();
    if (found?.readBigUInt64LE() === word) return;
    throw new UlpError('process-missing', {
      subject: this.subject,
      detail: 'it has executed another program',
    });
  }

  /** Not: another program, which this process has executed since. */
  hasEnded(): boolean {
    try {
      this.assertSamePid();
      this.maps();
      return false;
    } catch (error) {
      if (error instanceof UlpError && error.code === 'process-missing') return true;
      throw error;
    }
  }

  private assertSamePid(): void {
    const stat = readStat(this.pid);
    const alive = stat && (!isDead(stat.state) || livingThread(this.pid) !== undefined);
    if (alive && stat.startTime === this.startTime) return;
    throw new UlpError('process-missing', { subject: this.subject, fact: 'it has ended' });
  }

  /** As they are now. @throws UlpError process-missing, process-denied */
  maps(): Mapping[] {
    return this.through((task) => {
      const text = this.attempt(() => readProcFile(`/proc/${task}/maps`));
      if (text === '') throw new UlpError('process-missing', { subject: this.subject });
      const maps = parseMaps(text);
      this.silent = silentMappings(maps, task);
      if (this.opened) this.opened.silent = this.silent;
      return maps;
    });
  }

  /** Every ELF file that is mapped as a program or library, in the order of addresses. */
  images(maps: readonly Mapping[] = this.maps()): Image[] {
    return readImages(this, maps, this.cache);
  }

  /** As the target's loader keeps it: names are the target's claims, the maps are not. */
  linkMap(images = this.images()): LinkMapEntry[] {
    return readLinkMap(this, images);
  }

  /**
   * /proc/PID/status. undefined: it has just ended. @throws UlpError process-missing,
   * process-denied
   */
  status(): ReadonlyMap<string, string> | undefined {
    // What of the first thread's remains when it has ended would mislead.
    const task = this.through((living) => living);
    const status = this.attempt(() => readStatus(`/proc/${task}/status`));
    if (!status) this.assertAlive();
    return status;
  }

  threads(): Thread[] {
    return readThreads(this.pid);
  }

  /** Its id as getpid(2) returns it there: in the innermost pid namespace that it is in. */
  ownPid(): number {
    return numbers(readStatus(`/proc/${this.pid}/status`)?.get('NStgid')).at(-1) ?? this.pid;
  }

  /**
   * The parent, if both have one memory: this is a child of vfork that has executed no program yet.
   */
  sharesMemoryWith(): number | undefined {
    const parent = readStat(this.pid)?.parent ?? 0;
    const answer = parent > 0 ? libc().compareMemory(this.pid, parent) : 1;
    // Without kcmp(2) the worse of the two is supposed.
    return answer === 0 || answer === -ENOSYS ? parent : undefined;
  }

  /** Where a thread sleeps; undefined: it runs, or is gone. */
  asleep(tid: Tid): Asleep | undefined {
    return readAsleep(this.pid, tid);
  }

  /**
   * Opens a regular file by the target's name for it, inside the target's root directory.
   * @returns a file descriptor, read-only
   * @throws UlpError file-missing, file-not-regular, file-unreadable, process-missing,
   * process-denied
   */
  openFile(path: string): number {
    return this.through((task) => openInRoot(task, path));
  }

  /** See throughThread. */
  through<T>(action: (task: number) => T): T {
    return throughThread(this.pid, action);
  }

  close(): void {
    this.opened?.close();
    this.opened = undefined;
  }

  private attempt<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw error instanceof UlpError ? error : explainDenial(this.pid, 'read', error);
    }
  }
}
