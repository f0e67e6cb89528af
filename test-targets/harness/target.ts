/** A running test program with libpulp.so: asked by lines, answers by lines. */
import { readFileSync } from 'node:fs';
import { Asked } from './asked.cjs';
import { preload } from './build';

export interface StartOptions {
  /** Without libpulp.so. */
  readonly bare?: boolean;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The line that it prints first. */
  readonly ready?: string;
}

export class Target extends Asked {
  static async start(program: string, options: StartOptions = {}): Promise<Target> {
    const { bare = false, env = {}, ready = 'ready', ...rest } = options;
    const loaded = bare ? {} : { LD_PRELOAD: preload() };
    return new Target(program, { ...rest, env: { ...loaded, ...env } }).becomeReady(ready);
  }

  maps(): string {
    return readFileSync(`/proc/${this.pid}/maps`, 'utf8');
  }
}
