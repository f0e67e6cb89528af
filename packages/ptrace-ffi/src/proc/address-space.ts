/**
 * What of another process tells what is loaded there. A Process is one; the folders on which
 * process.ts is built know no more of it.
 */
import type { Mapping } from './maps';
import type { Memory } from './memory';

export interface AddressSpace {
  /** The process, in errors. */
  readonly subject: string;
  readonly memory: Memory;
  maps(): Mapping[];
  /** As the process would open it. See openInRoot. */
  openFile(path: string): number;
  /** See throughThread. */
  through<T>(action: (task: number) => T): T;
}
