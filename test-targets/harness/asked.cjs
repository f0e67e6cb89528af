// @ts-check
/** A process that is asked by lines and answers by lines: for tests, benchmarks and the demo. */
'use strict';
const { createInterface } = require('node:readline');
const { startProgram } = require('./programs.cjs');
const { HANG_MS, PROGRAM_MS, inTime } = require('./wait.cjs');

/**
 * @typedef {object} AskedOptions
 * @property {readonly string[]} [args]
 * @property {Readonly<Record<string, string | undefined>>} [env] beside those of this program;
 *   undefined: without that one
 * @property {number} [uid] run as this user and group; only root can
 * @property {string} [cwd]
 */

class Asked {
  /** What it says first. */
  ready = '';
  /** @type {string[]} */
  #lines = [];
  /** @type {((line: string | undefined) => void)[]} */
  #waiting = [];
  #isOver = false;
  /** @type {string | undefined} */
  #told;
  /** @type {string | undefined} */
  #heard;
  /** @type {string} */
  #name;

  /**
   * Started, but perhaps not ready: becomeReady() waits for that.
   * @param {string} program
   * @param {AskedOptions} [options]
   */
  constructor(program, { args = [], env = {}, uid, cwd } = {}) {
    this.#name = [program, ...args].join(' ');
    const child = startProgram(program, [...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    const { stdin, stdout } = child;
    if (!stdin || !stdout) throw new Error(`${this.#name}: no pipes`);
    /** @readonly */
    this.child = child;
    /** @readonly */
    this.input = stdin;
    // It may end before it has read all that it was told; who asks sees that it has ended.
    stdin.on('error', () => undefined);
    /** @private @readonly @type {Promise<number | string | null>} */
    this.ended = new Promise((resolve) => {
      child.on('exit', (code, signal) => resolve(signal ?? code));
      child.on('error', (error) => resolve(error.message));
    });
    const reader = createInterface({ input: stdout });
    reader.on('line', (line) => {
      const waiter = this.#waiting.shift();
      if (waiter) waiter(line);
      else this.#lines.push(line);
    });
    reader.on('close', () => {
      this.#isOver = true;
      for (const waiter of this.#waiting.splice(0)) waiter(undefined);
    });
  }

  /**
   * Waits for its first line; ends it when that is another one.
   * @param {string | RegExp} [expected] any line when it is left out
   * @returns {Promise<this>}
   */
  async becomeReady(expected) {
    try {
      this.ready = await this.line();
      const isIt =
        typeof expected === 'string' ? this.ready === expected : expected?.test(this.ready);
      if (isIt === false)
        throw new Error(`${this.#name} said '${this.ready}' instead of '${expected}'`);
    } catch (error) {
      this.kill();
      throw error;
    }
    return this;
  }

  get pid() {
    if (this.child.pid === undefined) throw new Error(`${this.#name} did not start`);
    return this.child.pid;
  }

  /**
   * The next line.
   * @param {{ ms?: number }} [bound]
   * @throws when it has ended
   */
  async line({ ms = HANG_MS } = {}) {
    const line = await this.#next(ms);
    if (line !== undefined) return line;
    // Its output is closed: it ends, or it is not what it should be.
    const how = await inTime(`the end of ${this.#name}`, this.ended, { pid: this.pid });
    throw new Error(`${this.#name} (process ${this.pid}) has ended: ${how}`);
  }

  /** @param {string} line */
  tell(line) {
    this.#told = line;
    this.input.write(`${line}\n`);
  }

  /** @param {string} line @param {{ ms?: number }} [bound] */
  ask(line, bound) {
    this.tell(line);
    return this.line(bound);
  }

  /** What it still says until it ends by itself. @param {{ ms?: number }} [bound] */
  async rest({ ms = PROGRAM_MS } = {}) {
    const said = [];
    for (let line; (line = await this.#next(ms)) !== undefined;) said.push(line);
    return said;
  }

  /** undefined: its output has been closed. @param {number} ms */
  async #next(ms) {
    const queued = this.#lines.shift();
    if (queued !== undefined || this.#isOver) return queued;
    /** @type {Promise<string | undefined>} */
    const news = new Promise((resolve) => this.#waiting.push(resolve));
    const asked = this.#told === undefined ? '' : `, which was told '${this.#told}'`;
    const seen = () => this.#heard;
    const what = `a line of ${this.#name}${asked}`;
    this.#heard = await inTime(what, news, { ms, pid: this.pid, seen });
    return this.#heard;
  }

  /** Ends it by closing its input. @returns its exit code, or the signal that ended it */
  async end() {
    this.input.end();
    return inTime(`the end of ${this.#name}, whose input is closed`, this.ended, {
      ms: PROGRAM_MS,
      pid: this.pid,
    });
  }

  /** @param {NodeJS.Signals} [signal] */
  kill(signal = 'SIGKILL') {
    this.child.kill(signal);
  }

  /** Ends it by force, and waits for its end. */
  async killed() {
    this.kill();
    return inTime(`the end of ${this.#name}, which was killed`, this.ended, { pid: this.pid });
  }
}

/**
 * Starts one, and waits for its first line.
 * @param {string} program
 * @param {AskedOptions & { ready?: string | RegExp }} [options]
 */
const startAsked = (program, { ready, ...options } = {}) =>
  new Asked(program, options).becomeReady(ready);

module.exports = { Asked, startAsked };
