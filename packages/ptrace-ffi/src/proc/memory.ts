/** The memory of another process, through /proc/PID/mem: 2 us for 8 KB, no stop, no FFI. */
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { ByteView, hex, remoteAddress, UlpError } from '@ulp/core';
import type { Codec, Pid, RemoteAddress } from '@ulp/core';
import { explainDenial } from './denial';
import { isSilent } from './file-systems';
import type { Mapping } from './maps';
import { errnoOf } from './proc-file';

/** Most that is read or written at once, in bytes. */
const LIMIT = 16 << 20;
const PAGE = 4096n;
/** Above it there is no memory of a process; /proc/PID/mem takes signed offsets. */
const TOP = 1n << 63n;

export class Memory {
  private readonly fd: number;
  /**
   * What is not touched, as if it were not there: a read could take for ever (file-systems.ts).
   * Sorted.
   */
  silent: readonly Mapping[] = [];

  /** @throws UlpError process-missing, process-denied */
  constructor(
    readonly pid: Pid,
    /** A thread that uses it. */
    task: number = pid,
    readonly writable = false,
  ) {
    const flags = writable ? constants.O_RDWR : constants.O_RDONLY;
    try {
      this.fd = openSync(`/proc/${task}/mem`, flags);
    } catch (error) {
      throw explainDenial(pid, 'read', error);
    }
  }

  /** This program's own, to write to. */
  static own(): Memory {
    return new Memory(process.pid as Pid, process.pid, true);
  }

  get subject(): string {
    return `process ${this.pid}`;
  }

  /** @throws UlpError process-hostile when not all of it is mapped; process-missing */
  read(address: RemoteAddress, size: number, what = 'memory'): Buffer {
    return this.tryRead(address, size) ?? this.fail(address, size, what);
  }

  /**
   * @returns undefined when not all of it is mapped
   * @throws UlpError process-missing when the process has ended or has executed another program
   */
  tryRead(address: RemoteAddress, size: number): Buffer | undefined {
    if (size < 0 || size > LIMIT || address + BigInt(size) > TOP) return undefined;
    if (isSilent(this.silent, address, size)) return undefined;
    const bytes = Buffer.allocUnsafe(size);
    for (let have = 0; have < size;) {
      const n = this.attempt(() =>
        readSync(this.fd, bytes, have, size - have, address + BigInt(have)),
      );
      if (n === undefined) return undefined;
      have += n;
    }
    return bytes;
  }

  /**
   * Also writes to pages that are mapped read-only or executable (a private copy arises).
   * @throws UlpError process-hostile when not all of it is mapped; process-missing
   */
  write(address: RemoteAddress, bytes: Uint8Array, what = 'memory'): void {
    // Positions are numbers here: above 2^53 they would be rounded, above 2^63 taken for another
    // kind of write.
    if (bytes.length > LIMIT || address + BigInt(bytes.length) > BigInt(Number.MAX_SAFE_INTEGER))
      this.fail(address, bytes.length, what);
    if (isSilent(this.silent, address, bytes.length)) this.fail(address, bytes.length, what);
    for (let done = 0; done < bytes.length;) {
      const n = this.attempt(() =>
        // A number, because writeSync takes no bigint.
        writeSync(this.fd, bytes, done, bytes.length - done, Number(address) + done),
      );
      if (n === undefined) this.fail(address, bytes.length, what);
      done += n;
    }
  }

  /** @throws UlpError process-missing when its process has ended or has executed another program */
  assertInUse(): void {
    this.tryRead(remoteAddress(0n), 1);
  }

  /** A struct or scalar of @ulp/core. */
  readStruct<T>(codec: Codec<T>, address: RemoteAddress, what = 'a struct'): T {
    return this.tryReadStruct(codec, address) ?? this.fail(address, codec.size, what);
  }

  /** @returns undefined when not all of it is mapped */
  tryReadStruct<T>(codec: Codec<T>, address: RemoteAddress): T | undefined {
    const bytes = this.tryRead(address, codec.size);
    return bytes && codec.get(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);
  }

  writeStruct<T>(codec: Codec<T>, address: RemoteAddress, value: T, what = 'a struct'): void {
    const bytes = new Uint8Array(codec.size);
    codec.set(new DataView(bytes.buffer), 0, value);
    this.write(address, bytes, what);
  }

  /** Bytes that errors speak of as this process's. */
  view(address: RemoteAddress, size: number, what: string): ByteView {
    return new ByteView(
      this.read(address, size, what),
      `${this.subject}: ${what}`,
      'process-hostile',
    );
  }

  /**
   * A NUL-terminated string.
   * @param limit longest length accepted, in bytes
   * @throws UlpError process-hostile when it is longer or runs into unmapped memory
   */
  readString(address: RemoteAddress, limit: number, what = 'a string'): string {
    const parts: Buffer[] = [];
    for (let at = address, left = limit + 1; left > 0;) {
      // Never past a page's end: the next one may not be mapped.
      const size = Math.min(left, Number(PAGE - (at % PAGE)));
      const part = this.read(at, size, what);
      const end = part.indexOf(0);
      if (end >= 0) return Buffer.concat([...parts, part.subarray(0, end)]).toString();
      parts.push(part);
      left -= size;
      at = remoteAddress(at + BigInt(size));
    }
    throw new UlpError('process-hostile', {
      subject: this.subject,
      expected: `${what} of at most ${limit} bytes at ${hex(address)}`,
    });
  }

  close(): void {
    closeSync(this.fd);
  }

  /** @returns undefined when the address is not mapped */
  private attempt(transfer: () => number): number | undefined {
    let n: number;
    try {
      n = transfer();
    } catch (error) {
      if (['EIO', 'EFAULT'].includes(errnoOf(error))) return undefined;
      throw explainDenial(this.pid, 'read', error);
    }
    if (n > 0) return n;
    // The kernel's answer when nobody uses this address space any more.
    throw new UlpError('process-missing', {
      subject: this.subject,
      detail: 'it has ended or has executed another program',
    });
  }

  private fail(address: RemoteAddress, size: number, what: string): never {
    throw new UlpError('process-hostile', {
      subject: this.subject,
      expected: `${size} bytes of ${what} at ${hex(address)}`,
      found: isSilent(this.silent, address, size)
        ? 'a file on a file system that need not answer'
        : 'no such memory',
    });
  }
}
