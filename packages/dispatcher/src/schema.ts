/** zod schema of the JSON document; apart, because the command itself does not need zod. */
import { earlierSchema } from '@ulp/trigger/schema';
import { z } from 'zod';

const pid = z.number().int().positive();

/** `ulp-dispatcher --json` */
export const dispatcherSchema = z.strictObject({
  schema: z.literal('ulp-dispatcher/1'),
  action: z.enum(['check', 'patch', 'revert']),
  patch: z.string().regex(/^[0-9a-f]{64}$/),
  dryRun: z.boolean(),
  settled: z.boolean(),
  processes: z.array(
    z.strictObject({
      pid,
      name: z.string(),
      state: z.enum(['applied', 'reverted', 'absent', 'failed', 'ended']),
      changed: z.boolean(),
      migrated: z.boolean(),
      earlier: earlierSchema
        .nullable()
        .describe('what became of a request that another tool had left'),
      error: z
        .strictObject({
          code: z.string(),
          message: z.string(),
          changed: z
            .enum(['no', 'yes', 'unknown'])
            .nullable()
            .describe('of an attempt that failed: was anything changed?'),
        })
        .nullable(),
    }),
  ),
  unreadable: z.array(pid),
});
