/**
 * The JSON document of `ulp-inspect --json`, as '@ulp/ptrace-ffi/schema'. The command does not load
 * it.
 */
import { z } from 'zod';

export const placeSchema = z
  .strictObject({
    address: z.string().regex(/^0x[0-9a-f]+$/),
    file: z.string().nullable().describe('as the process sees it; null: memory without a file'),
    function: z.string().nullable(),
    offset: z
      .number()
      .describe('from the begin of the function; without one, of the file, as addr2line counts'),
  })
  .describe('a place in code');

const claim = z.object({
  library: z.string().describe('path as the process sees it'),
  inside: z.boolean().describe('the thread is in a call into the library'),
  universe: z
    .number()
    .int()
    .nullable()
    .describe('null: outside, or just entering, so not known yet'),
  pinned: z.boolean().describe('inside until the thread ends, because return slots had run out'),
  slot: z
    .enum(['used', 'limbo', 'contested', 'none'])
    .describe(
      'limbo: the call is suspended (a coroutine). contested: one of several calls on stacks that the thread was not seen to switch to; they keep one universe until all have returned',
    ),
  since: placeSchema
    .nullable()
    .describe(
      'what called the library; null: outside, pinned, or the thread has moved on meanwhile',
    ),
});

const process = z.object({
  pid: z.number().int(),
  name: z.string(),
  runtime: z.object({
    path: z.string(),
    universe: z.number().int().describe('what a thread that enters now sees'),
    problems: z.array(z.string()).describe('why libpulp.so cannot work here; empty: it can'),
    helper: z.string().describe('done, requested, launched, running or failed'),
    slotsExhausted: z.number().int(),
    claimsHealed: z.number().int(),
  }),
  libraries: z.array(
    z.object({
      path: z.string(),
      deleted: z.boolean().describe('the file was removed or replaced'),
      buildId: z.string().nullable(),
      abi: z.number().int(),
      gated: z.boolean().describe('ulp-dynsym-gate was run on it'),
      bound: z.boolean().describe('it enters through this libpulp.so'),
    }),
  ),
  patches: z.array(
    z.object({
      id: z.string().length(64),
      state: z.enum(['applied', 'reverted', 'pending']),
      universe: z.number().int().describe('began with this patch'),
      reverted: z.number().int().nullable().describe('universe that ended the patch'),
      path: z.string(),
      functions: z.number().int(),
      dependencies: z.array(z.string()),
    }),
  ),
  threads: z.array(
    z.object({
      tid: z.number().int(),
      targetTid: z.number().int().describe("in the process's own pid namespace"),
      name: z.string(),
      claims: z.array(claim).describe('libraries that it has entered at least once'),
    }),
  ),
  ownerless: z.array(claim).describe('calls that no living thread owns'),
});

export const inspectSchema = z.object({
  schema: z.literal('ulp-inspect/1'),
  processes: z.array(process),
  unreadable: z.number().int().describe('processes that this user may not read'),
});

export type InspectDocument = z.infer<typeof inspectSchema>;
