/** The number of a universe, as another process says it. */
import { abi, hex, UlpError, universe, type Universe } from '@ulp/core';

/** @throws UlpError process-hostile for a number that no universe has */
export function checkedUniverse(subject: string, value: bigint): Universe {
  if (value < BigInt(abi.UNIVERSE_OUTSIDE)) return universe(Number(value));
  throw new UlpError('process-hostile', {
    subject,
    expected: `a universe below ${hex(abi.UNIVERSE_OUTSIDE)}`,
    found: hex(value),
  });
}
