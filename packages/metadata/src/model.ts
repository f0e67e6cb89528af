/** What metadata says: which functions of which libraries a patch replaces, and with what. */
import type { BuildId, LinkAddress } from '@ulp/core';

declare const brand: unique symbol;
/** SHA-256 over the encoded content, 64 lower-case hexadecimal digits. */
export type PatchId = string & { readonly [brand]: 'PatchId' };

export interface Metadata {
  readonly id: PatchId;
  readonly patch: PatchFile;
  readonly targets: readonly Target[];
  /** Patches that must be applied first. */
  readonly dependencies: readonly PatchId[];
}

/** The .so with the replacing functions. */
export interface PatchFile {
  /** Absolute, as the target process sees it. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
  readonly buildId: BuildId;
}

/** A library of which functions are replaced. */
export interface Target {
  /** Absolute path at packing time; a process is asked by build-id. */
  readonly path: string;
  /** DT_SONAME; empty when there is none. */
  readonly soname: string;
  readonly buildId: BuildId;
  readonly functions: readonly FunctionPair[];
}

export interface FunctionPair {
  readonly oldName: string;
  readonly newName: string;
  /** First byte of the old function in the target library. */
  readonly oldAddress: LinkAddress;
  /** In bytes. */
  readonly oldSize: number;
  /** Where its entry instruction lies, from oldAddress: 4 behind an endbr64. */
  readonly entryOffset: 0 | 4;
  /** In the patch .so. */
  readonly newAddress: LinkAddress;
}
