/** Real gdb and strace, attached to a process, talked to by lines. */
import { type ChildProcessWithoutNullStreams } from 'node:child_process';
import { startProgram } from './programs.cjs';
import { PROGRAM_MS, inTime } from './wait.cjs';

export class Tracer {
  private said = '';
  private hasEnded = false;
  private wake = (): void => undefined;

  private constructor(private readonly child: ChildProcessWithoutNullStreams) {
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => {
        this.said += data.toString();
        this.wake();
      });
    child.on('close', () => {
      this.hasEnded = true;
      this.wake();
    });
  }

  /** Attached to all threads, which stand still. */
  static async gdb(pid: number): Promise<Tracer> {
    const tracer = new Tracer(startProgram('gdb', ['-nx', '-q', '-p', String(pid)]));
    await tracer.command('set confirm off');
    return tracer;
  }

  /** Attached to the thread; with `-f` to all of its process, and to those that begin later. */
  static strace(...args: readonly (string | number)[]): Tracer {
    return new Tracer(startProgram('strace', args.map(String)));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  private news(what: string): Promise<void> {
    const news = new Promise<void>((resolve) => (this.wake = resolve));
    const name = this.child.spawnargs.join(' ');
    const seen = () => this.said;
    return inTime(`${what} of ${name}`, news, { ms: PROGRAM_MS, pid: this.pid, seen });
  }

  /** @returns what it has printed since, with this in it. @throws when it ends without it */
  async expect(fact: RegExp): Promise<string> {
    while (!fact.test(this.said)) {
      if (this.hasEnded) throw new Error(`no ${fact.source}, but: ${this.said}`);
      await this.news(fact.source);
    }
    const { said } = this;
    this.said = '';
    return said;
  }

  /** To gdb; waits until it has been carried out. @returns what gdb printed */
  command(line: string): Promise<string> {
    this.child.stdin.write(`${line}\necho carried out\\n\n`);
    return this.expect(/carried out\n/);
  }

  /**
   * gdb stops the program that runs under it; it says so before or after the next command is
   * carried out.
   */
  async interruptProgram(): Promise<void> {
    this.child.stdin.write('interrupt\n');
    await this.expect(/received signal SIGINT|stopped/);
  }

  /** strace lets go of all. @returns what it printed since */
  async interrupt(): Promise<string> {
    this.child.kill('SIGINT');
    return this.end();
  }

  /** gdb lets go, and ends. @returns what it printed since */
  quit(): Promise<string> {
    this.child.stdin.end('detach\nquit\n');
    return this.end();
  }

  async end(): Promise<string> {
    while (!this.hasEnded) await this.news('the end');
    return this.said;
  }
}
