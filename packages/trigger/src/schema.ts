/** zod schemas of the JSON documents; apart, because the commands themselves do not need zod. */
import { placeSchema } from '@ulp/ptrace-ffi/schema';
import { z } from 'zod';

const patchId = z.string().regex(/^[0-9a-f]{64}$/);
const pid = z.number().int().positive();
const count = z.number().int().nonnegative();

/** What became of a request that another tool had left unfinished. */
export const earlierSchema = z.enum(['finished', 'dropped']);

/** `ulp-trigger --json` */
export const triggerSchema = z.strictObject({
  schema: z.literal('ulp-trigger/1'),
  pid,
  patch: patchId,
  dryRun: z.boolean(),
  action: z.enum(['apply', 'revert']),
  changed: z.boolean(),
  universe: count,
  retained: count,
  earlier: earlierSchema.nullable(),
  replacements: z.array(
    z.strictObject({
      library: z.string(),
      oldName: z.string(),
      newName: z.string(),
      address: z.string().regex(/^0x[0-9a-f]+$/),
    }),
  ),
});

const call = z.strictObject({
  library: z.string(),
  universe: count.nullable().describe('null: just entering'),
  pinned: z.boolean().describe('inside until the thread ends, because return slots had run out'),
  suspended: z
    .boolean()
    .describe('a coroutine that is not running; or left by a jump, and its frame is still there'),
  since: placeSchema
    .nullable()
    .describe('what called the library; null: pinned, or the thread has moved on meanwhile'),
});

const stack = z.strictObject({
  doing: z.string().describe('in READ, say: its system call; or running, asleep, stopped, gone'),
  places: z
    .array(placeSchema)
    .describe('where it is, then addresses on its stack that look like calls, innermost first'),
  missing: z.string().nullable().describe('why there may be more'),
});

/** `ulp-check --json` */
export const checkSchema = z.strictObject({
  schema: z.literal('ulp-check/1'),
  pid,
  patch: patchId,
  applied: z.boolean(),
  state: z.enum(['applied', 'reverted', 'absent']),
  universe: count,
  migrated: z.boolean(),
  incomplete: z
    .boolean()
    .describe('return slots ran out, and more threads were pinned inside than are noted'),
  threads: z
    .array(
      z.strictObject({
        tid: pid,
        name: z.string(),
        migrated: z.boolean(),
        inside: z.array(call),
        stack: stack.nullable().describe('of a thread that has not migrated'),
      }),
    )
    .optional(),
  suspended: z
    .array(call)
    .optional()
    .describe('suspended calls since before the patch, of threads that have ended'),
});
