/** The program of all ways into and out of a library, its two libraries and their patches. */
import { join } from 'node:path';
import { TARGETS } from './build';
import type { Scenario } from './scenario';

const ways = (...files: string[]): string[] => files.map((file) => join(TARGETS, 'ways', file));

export interface Ways {
  readonly program: string;
  /** Of the first library: its detour is the short one. */
  readonly patch: string;
  /** Of both: a detour that asks for two libraries, on top of the other patch. */
  readonly both: string;
}

export function prepareWays(s: Scenario): Ways {
  const first = s.library('ways/library.c', 'libways.so', { args: ways('arguments-library.c') });
  const second = s.library('ways/more.cc', 'libmore.so');
  const third = s.library('ways/third.c', 'libthird.so');
  const inFirst = [first, ['value:new_value', 'probe:new_probe']] as const;
  const inSecond = [
    second,
    [
      'more_value:new_more_value',
      'throw_value:new_throw_value',
      'call_and_rethrow:new_call_and_rethrow',
    ],
  ] as const;
  const sources = ways(
    ...['arguments.c', 'registers.S', 'calling.c', 'jumps.c', 'endings.c', 'coroutines.c'],
    ...['handlers.c', 'children.c', 'exceptions.cc', 'switches.c'],
  );
  return {
    program: s.program('ways/program.c', [first, second, third], [...sources, '-lstdc++']),
    patch: s.patch('ways/patch.c', 'fix', [inFirst]),
    both: s.patch('ways/patch.c', 'both', [inFirst, inSecond], {
      args: [...ways('more-patch.cc'), '-lstdc++'],
    }),
  };
}
