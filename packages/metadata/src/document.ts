/** The JSON document of `ulp-dump --json`: the model with addresses as "0x…" strings. */
import { hex } from '@ulp/core';
import type { FunctionPair, Metadata, Target } from './model';

export const DUMP_SCHEMA = 'ulp-dump/1';

export type Hex = `0x${string}`;
type FunctionDocument = Omit<FunctionPair, 'oldAddress' | 'newAddress'> & {
  readonly oldAddress: Hex;
  readonly newAddress: Hex;
};
type TargetDocument = Omit<Target, 'functions'> & {
  readonly functions: readonly FunctionDocument[];
};
export type DumpDocument = { readonly schema: typeof DUMP_SCHEMA } & Omit<Metadata, 'targets'> & {
    readonly targets: readonly TargetDocument[];
  };

export const toDocument = ({ id, patch, targets, dependencies }: Metadata): DumpDocument => ({
  schema: DUMP_SCHEMA,
  id,
  patch,
  targets: targets.map((target) => ({
    ...target,
    functions: target.functions.map((f) => ({
      ...f,
      oldAddress: hex(f.oldAddress) as Hex,
      newAddress: hex(f.newAddress) as Hex,
    })),
  })),
  dependencies,
});
