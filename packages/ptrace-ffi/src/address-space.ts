/** What of another process tells what is loaded there; a Process is one. */
import type { Memory } from './memory';

export interface AddressSpace {
  /** The process, in errors. */
  readonly subject: string;
  readonly memory: Memory;
  /** See throughThread. */
  through<T>(action: (task: number) => T): T;
}
