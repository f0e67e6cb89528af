/** zod schemas of the JSON documents; apart, because the commands themselves do not need zod. */
import { z } from 'zod';

const patchId = z.string().regex(/^[0-9a-f]{64}$/);
const pid = z.number().int().positive();
const count = z.number().int().nonnegative();

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
  finishedEarlier: z.boolean(),
  replacements: z.array(
    z.strictObject({
      library: z.string(),
      oldName: z.string(),
      newName: z.string(),
      address: z.string().regex(/^0x[0-9a-f]+$/),
    }),
  ),
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
  threads: z
    .array(
      z.strictObject({
        tid: pid,
        name: z.string(),
        migrated: z.boolean(),
        inside: z.array(
          z.strictObject({
            library: z.string(),
            universe: count.nullable(),
            pinned: z.boolean(),
          }),
        ),
      }),
    )
    .optional(),
});
