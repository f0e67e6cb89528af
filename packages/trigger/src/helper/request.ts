/**
 * The request that the helper in the target carries out, as bytes. Layout: ulp_request in the ABI.
 */
import { abi, UlpError } from '@ulp/core';
import type { Metadata } from '@ulp/metadata';
import { oldFunction, type TargetLibrary } from '../examine/target';

const align8 = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 7)]);

export interface RequestContent {
  readonly operation: number;
  readonly metadata: Metadata;
  /** In the metadata's order. */
  readonly targets: readonly TargetLibrary[];
}

/** Who asks, and when. */
export interface Asker {
  /** In ns since 1970. */
  readonly time: bigint;
  readonly uid: number;
  readonly pid: number;
}

export const thisProgram = (): Asker => ({
  time: BigInt(Date.now()) * 1_000_000n,
  uid: process.geteuid?.() ?? 0,
  pid: process.pid,
});

/** @throws UlpError patch-refused when it is too large for the buffer */
export function encodeRequest(
  { operation, metadata, targets }: RequestContent,
  asker = thisProgram(),
): Buffer {
  const libraries = targets.map(({ library }) =>
    Buffer.from(abi.ulp_request_target.encode({ library: library.address, reserved: 0n })),
  );
  const functions = targets.flatMap(({ target, library }, index) =>
    target.functions.map((pair) =>
      Buffer.from(
        abi.ulp_request_function.encode({
          old_function: oldFunction(library, pair),
          new_function: pair.newAddress,
          target: index,
          entry_offset: pair.entryOffset,
          reserved: new Uint8Array(3),
        }),
      ),
    ),
  );
  const dependencies = metadata.dependencies.map((id) => Buffer.from(id, 'hex'));
  const path = align8(Buffer.from(`${metadata.patch.path}\0`));
  const sections = [libraries, functions, dependencies, [path]].map((s) => Buffer.concat(s));
  let at = abi.ulp_request.size;
  const offsets = sections.map((section) => {
    const here = at;
    at += section.length;
    return here;
  });
  if (at > abi.LIMIT.requestBytes)
    throw new UlpError('patch-refused', {
      subject: metadata.patch.path,
      expected: `a request of at most ${abi.LIMIT.requestBytes} bytes`,
      found: String(at),
    });
  const [targetsAt = 0, functionsAt = 0, dependenciesAt = 0, pathAt = 0] = offsets;
  const buildId = Buffer.from(metadata.patch.buildId, 'hex');
  const header = abi.ulp_request.encode({
    ...everyRequest(asker),
    operation,
    length: at,
    patch_id: Buffer.from(metadata.id, 'hex'),
    patch_build_id: buildId,
    patch_build_id_size: buildId.length,
    target_count: libraries.length,
    function_count: functions.length,
    dependency_count: dependencies.length,
    targets: targetsAt,
    functions: functionsAt,
    dependencies: dependenciesAt,
    path: pathAt,
  });
  return Buffer.concat([header, ...sections]);
}

/** What every request has: its version, who asks, and when. */
const everyRequest = (asker: Asker) => ({
  version: abi.REQUEST_VERSION,
  flags: 0,
  ...asker,
  slot_count: 0,
  slots: 0,
  reserved: [],
});

/** A request that only frees what no thread can reach any more. */
export function encodeCollect(asker = thisProgram()): Buffer {
  const empty = new Uint8Array(0);
  return Buffer.from(
    abi.ulp_request.encode({
      ...everyRequest(asker),
      operation: abi.OPERATION.collect,
      length: abi.ulp_request.size,
      patch_id: empty,
      patch_build_id: empty,
      patch_build_id_size: 0,
      target_count: 0,
      function_count: 0,
      dependency_count: 0,
      targets: 0,
      functions: 0,
      dependencies: 0,
      path: 0,
    }),
  );
}
