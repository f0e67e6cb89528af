/** A running test program: asked by lines, answers by lines. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { preload } from './build';

export interface StartOptions {
  /** Without libpulp.so. */
  readonly bare?: boolean;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The line that it prints first. */
  readonly ready?: string;
}

export class Target {
  private readonly lines: string[] = [];
  private readonly waiting: ((line: string | undefined) => void)[] = [];
  private ended = false;

  private constructor(private readonly child: ChildProcess) {
    if (!child.stdout) throw new Error('no standard output');
    const reader = createInterface({ input: child.stdout });
    reader.on('line', (line) => {
      const waiter = this.waiting.shift();
      if (waiter) waiter(line);
      else this.lines.push(line);
    });
    reader.on('close', () => {
      this.ended = true;
      for (const waiter of this.waiting.splice(0)) waiter(undefined);
    });
  }

  static async start(program: string, options: StartOptions = {}): Promise<Target> {
    const { bare = false, args = [], env = {}, ready = 'ready' } = options;
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...(bare ? {} : { LD_PRELOAD: preload() }), ...env },
    });
    const target = new Target(child);
    const first = await target.line();
    if (first !== ready) throw new Error(`${program} said '${first}' instead of '${ready}'`);
    return target;
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('it did not start');
    return this.child.pid;
  }

  /** The next line. @throws when it has ended */
  async line(): Promise<string> {
    const line = await this.next();
    if (line === undefined)
      throw new Error(`the target ended: ${this.child.signalCode ?? this.child.exitCode}`);
    return line;
  }

  tell(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  ask(line: string): Promise<string> {
    this.tell(line);
    return this.line();
  }

  /** What it still says until it ends by itself. */
  async rest(): Promise<string[]> {
    const said: string[] = [];
    for (let line; (line = await this.next()) !== undefined;) said.push(line);
    return said;
  }

  /** undefined: it has ended. */
  private async next(): Promise<string | undefined> {
    const queued = this.lines.shift();
    if (queued !== undefined || this.ended) return queued;
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  maps(): string {
    return readFileSync(`/proc/${this.pid}/maps`, 'utf8');
  }

  /** Ends it by closing its input. @returns its exit code, or the signal that ended it */
  async end(): Promise<number | string | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exit = new Promise((resolve) => this.child.once('exit', resolve));
      this.child.stdin?.end();
      await exit;
    }
    return this.child.signalCode ?? this.child.exitCode;
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}
