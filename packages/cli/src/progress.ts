/** A progress bar on standard error, when that is a terminal. Loaded only when it is shown. */
import { fstatSync } from 'node:fs';

export interface Progress {
  step(): void;
  stop(): void;
}

const SILENT: Progress = { step: () => undefined, stop: () => undefined };

export function progress(total: number, unit: string): Progress {
  // The first question is the cheap one: the other loads streams and sockets.
  if (!fstatSync(2).isCharacterDevice() || !process.stderr.isTTY) return SILENT;
  // Loaded here because most runs show no bar.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { SingleBar } = require('cli-progress') as typeof import('cli-progress');
  const bar = new SingleBar({
    format: `{bar} {value}/{total} ${unit}`,
    clearOnComplete: true,
    hideCursor: true,
  });
  bar.start(total, 0);
  return { step: () => bar.increment(), stop: () => bar.stop() };
}
