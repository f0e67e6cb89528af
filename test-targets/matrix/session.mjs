/** A running program of the matrix: asked by lines, answers by lines. */
import { Asked } from '../harness/asked.cjs';

export class Session extends Asked {
  /** @param preload path of libpulp.so, or undefined */
  static start(program, preload) {
    return new Session(program, { env: { LD_PRELOAD: preload } }).becomeReady('ready');
  }

  /** `name=value` words. */
  async askFor(line) {
    return parse(await this.ask(line));
  }

  /** @throws when it does not end well */
  async finish() {
    const how = await this.end();
    if (how !== 0) throw new Error(`the program ended: ${how}`);
  }
}

const parse = (line) =>
  Object.fromEntries(
    line.split(' ').map((word) => {
      const at = word.lastIndexOf('=');
      return [word.slice(0, at), Number(word.slice(at + 1))];
    }),
  );
