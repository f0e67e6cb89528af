/** zod schema of the JSON document; apart, because the command itself does not need zod. */
import { z } from 'zod';

const count = z.number().int().nonnegative();
const library = z.strictObject({
  path: z.string(),
  /**
   * Where the names of functions come from; `dynsym`: it is stripped, and only exported functions
   * are compared.
   */
  names: z.enum(['symtab', 'debug file', 'dynsym']),
});
const change = z.enum(['changed', 'numbers', 'onlyOld', 'onlyNew']);

/** `ulp-packer --compare OLD NEW --json` */
export const compareSchema = z.strictObject({
  schema: z.literal('ulp-packer-compare/1'),
  old: library,
  new: library,
  /** Functions whose machine code is the same in both. */
  same: count,
  functions: z.array(
    z.strictObject({
      name: z.string(),
      file: z.string().optional(),
      change,
      pieces: z
        .array(
          z.strictObject({
            name: z.string(),
            change,
            oldInstructions: count,
            newInstructions: count,
          }),
        )
        .min(1),
    }),
  ),
  data: z.array(
    z.strictObject({
      name: z.string(),
      change: z.enum(['changed', 'onlyOld', 'onlyNew']),
      isConstant: z.boolean(),
      usedBy: z.array(z.string()),
    }),
  ),
});
