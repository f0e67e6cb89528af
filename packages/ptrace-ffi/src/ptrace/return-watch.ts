/**
 * Does a thread come to an address? Counted by the kernel with a debug register of the processor
 * (perf_event_open(2)), and nothing of the thread is touched or slowed. With the address to which a
 * system call returns: is it still in the same call?
 */
import { closeSync, readSync } from 'node:fs';
import { type RemoteAddress, type Tid } from '@ulp/core';
import { libc } from '../native';

export class ReturnWatch {
  private readonly count = Buffer.alloc(8);

  private constructor(private readonly fd: number) {}

  /**
   * @returns undefined when it cannot be watched: no right to, no debug register left, no such
   * thread
   */
  static at(tid: Tid, address: RemoteAddress): ReturnWatch | undefined {
    const fd = libc().countPasses(tid, Number(address));
    return fd < 0 ? undefined : new ReturnWatch(fd);
  }

  /**
   * How often since at(); undefined: that cannot be known, the event could not be kept on the
   * processor.
   */
  passes(): bigint | undefined {
    const size = readSync(this.fd, this.count, 0, this.count.length, null);
    return size === this.count.length ? this.count.readBigUInt64LE() : undefined;
  }

  close(): void {
    closeSync(this.fd);
  }
}
