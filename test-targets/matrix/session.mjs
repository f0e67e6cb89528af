/** A running program of the matrix: asked by lines, answers by lines. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export class Session {
  #child;
  #lines;

  /** @param preload path of libpulp.so, or undefined */
  static async start(program, preload) {
    const session = new Session();
    const env = { ...process.env, ...(preload ? { LD_PRELOAD: preload } : {}) };
    if (!preload) delete env.LD_PRELOAD;
    session.#child = spawn(program, [], { stdio: ['pipe', 'pipe', 'pipe'], env });
    session.#lines = createInterface({ input: session.#child.stdout })[Symbol.asyncIterator]();
    await session.expect('ready');
    return session;
  }

  get pid() {
    return this.#child.pid;
  }

  async ask(line) {
    this.#child.stdin.write(`${line}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the program ended: ${await this.#ended()}`);
    return value;
  }

  /** `name=value` words. */
  async askFor(line) {
    return parse(await this.ask(line));
  }

  async expect(line) {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the program ended: ${await this.#ended()}`);
    if (value !== line) throw new Error(`said '${value}' instead of '${line}'`);
  }

  async #ended() {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return signalCode ?? exitCode;
    return new Promise((resolve) =>
      this.#child.once('exit', (code, signal) => resolve(signal ?? code)),
    );
  }

  /** @throws when it does not end well */
  async end() {
    this.#child.stdin.end();
    const how = await this.#ended();
    if (how !== 0) throw new Error(`the program ended: ${how}`);
  }

  kill() {
    this.#child.kill('SIGKILL');
  }
}

const parse = (line) =>
  Object.fromEntries(
    line.split(' ').map((word) => {
      const at = word.lastIndexOf('=');
      return [word.slice(0, at), Number(word.slice(at + 1))];
    }),
  );
