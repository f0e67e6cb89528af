/** The number of a universe, as another process says it. */
import { abi, hex, UlpError, universe, type Universe } from '@ulp/core';

/** @throws UlpError process-hostile for a number that no universe has */
export function checkedUniverse(subject: string, value: bigint): Universe {
  if (value >= BigInt(abi.UNIVERSE_BASE) && value < 1n << 32n)
    return universe(Number(value) - abi.UNIVERSE_BASE);
  throw new UlpError('process-hostile', {
    subject,
    expected: `a universe from ${hex(abi.UNIVERSE_BASE)} to 0xffffffff`,
    found: hex(value),
  });
}
