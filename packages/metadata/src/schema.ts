/**
 * zod schemas of the model and of the documents; apart, because few who import the package need
 * zod.
 */
import { abi } from '@ulp/core';
import { z } from 'zod';
import { BUILD_ID, HEX_64, isAddress, isName, isPath, isSize, isSoname, violation } from './rules';

const id = z.string().regex(HEX_64);
const buildId = z.string().regex(BUILD_ID);
const path = z.string().refine(isPath, 'an absolute path');
const name = z.string().refine(isName, 'a name');
const size = z.number().refine(isSize, 'a size below 2^32');
const address = z.bigint().refine(isAddress, 'an address');
const hexAddress = z.string().regex(/^0x[0-9a-f]{1,16}$/);

const patch = z.strictObject({ path, size, sha256: id, buildId });
const target = <T extends z.ZodTypeAny>(at: T) =>
  z.strictObject({
    path,
    soname: z.string().refine(isSoname, 'a name'),
    buildId,
    functions: z
      .array(
        z.strictObject({
          oldName: name,
          newName: name,
          oldAddress: at,
          oldSize: size,
          entryOffset: z.union([z.literal(0), z.literal(4)]),
          newAddress: at,
        }),
      )
      .min(1),
  });
const dependencies = z.array(id).max(abi.LIMIT.dependencies);

/** The content of metadata: everything but its id. */
export const contentSchema = z
  .strictObject({
    patch,
    targets: z.array(target(address)).min(1).max(abi.LIMIT.targets),
    dependencies,
  })
  .superRefine((content, context) => {
    // What no single field shows: duplicates, and the number of all functions together.
    const broken = violation(content as never);
    if (broken)
      context.addIssue({ code: 'custom', message: `${broken.path}: expected ${broken.expected}` });
  });

/** `ulp-dump --json` */
export const dumpSchema = z.strictObject({
  schema: z.literal('ulp-dump/1'),
  id,
  patch,
  targets: z.array(target(hexAddress)).min(1),
  dependencies,
});
