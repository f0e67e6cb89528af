/** zod schema of the JSON document; apart, because the command itself does not need zod. */
import { z } from 'zod';

const count = z.number().int().nonnegative();
const names = z.array(z.string());

/** `ulp-dynsym-gate --json` */
export const gateSchema = z.strictObject({
  schema: z.literal('ulp-dynsym-gate/1'),
  library: z.string(),
  output: z.string(),
  changed: z.boolean(),
  functions: count,
  symbols: count,
  pointers: count,
  uncovered: z.strictObject({ noPadding: names, ifunc: names, returnsTwice: names }),
});
