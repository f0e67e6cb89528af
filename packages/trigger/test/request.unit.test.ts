import { abi, buildId, ByteView, linkAddress, remoteAddress } from '@ulp/core';
import type { FunctionPair, Metadata, PatchId } from '@ulp/metadata';
import type { LiveLibrary } from '@ulp/ptrace-ffi';
import type { TargetLibrary } from '../src/examine/target';
import { encodeCollect, encodeRequest } from '../src/helper/request';

const pair = (oldAddress: bigint, newAddress: bigint, entryOffset: 0 | 4): FunctionPair => ({
  oldName: 'f',
  newName: 'g',
  oldAddress: linkAddress(oldAddress),
  oldSize: 16,
  entryOffset,
  newAddress: linkAddress(newAddress),
});
const id = (byte: string): PatchId => byte.repeat(32) as PatchId;
const target = (functions: FunctionPair[]): Metadata['targets'][number] => ({
  path: '/lib/a.so',
  soname: 'a.so',
  buildId: buildId(Buffer.from('aa', 'hex')),
  functions,
});
const metadata: Metadata = {
  id: id('1a'),
  patch: {
    path: '/p/fix.so',
    size: 1,
    sha256: '00'.repeat(32),
    buildId: buildId(Buffer.alloc(20, 7)),
  },
  targets: [
    target([pair(0x1000n, 0x10n, 0), pair(0x1100n, 0x20n, 4)]),
    target([pair(0x1200n, 0x30n, 0)]),
  ],
  dependencies: [id('2b'), id('3c')],
};
/** What encodeRequest looks at. */
const library = (address: bigint, loadBias: bigint): LiveLibrary =>
  ({ address: remoteAddress(address), image: { loadBias } }) as LiveLibrary;
const libraries = [library(0x500n, 0x70000n), library(0x600n, 0x80000n)];
const pairs = (of: Metadata): TargetLibrary[] =>
  of.targets.map((each, i) => ({ target: each, library: libraries[i] as LiveLibrary }));

const view = (bytes: Uint8Array): ByteView => new ByteView(bytes, 'request', 'defect');

test('a request says everything, in records where the header says', () => {
  const bytes = encodeRequest({
    operation: abi.OPERATION.apply,
    metadata,
    targets: pairs(metadata),
  });
  const request = view(bytes);
  const header = abi.ulp_request.read(request);
  expect(header).toMatchObject({
    operation: abi.OPERATION.apply,
    length: bytes.length,
    patch_build_id_size: 20,
    target_count: 2,
    function_count: 3,
    dependency_count: 2,
  });
  expect(Buffer.from(header.patch_id).toString('hex')).toBe(metadata.id);
  expect(Buffer.from(header.patch_build_id).toString('hex')).toBe(
    '07'.repeat(20) + '00'.repeat(12),
  );
  const targets = [0, 1].map((i) =>
    abi.ulp_request_target.read(request, header.targets + i * abi.ulp_request_target.size),
  );
  expect(targets.map((t) => t.library)).toEqual([0x500n, 0x600n]);
  const functions = [0, 1, 2].map((i) =>
    abi.ulp_request_function.read(request, header.functions + i * abi.ulp_request_function.size),
  );
  expect(functions.map((f) => [f.old_function, f.new_function, f.target, f.entry_offset])).toEqual([
    [0x71000n, 0x10n, 0, 0],
    [0x71100n, 0x20n, 0, 4],
    [0x81200n, 0x30n, 1, 0],
  ]);
  expect(bytes.subarray(header.dependencies, header.dependencies + 64).toString('hex')).toBe(
    metadata.dependencies.join(''),
  );
  expect(request.string(header.path, 'path')).toBe('/p/fix.so');
  for (const at of [header.targets, header.functions, header.dependencies, header.path])
    expect(at % 8).toBe(0);
});

test('what does not fit into the buffer is refused', () => {
  const functions = Array.from({ length: 1 << 16 }, () => pair(0x1000n, 0x10n, 0));
  const many = { ...metadata, targets: [target(functions)] };
  expect(() =>
    encodeRequest({
      operation: abi.OPERATION.apply,
      metadata: many,
      targets: pairs(many),
    }),
  ).toThrow(/the target refuses the patch: expected a request of at most 1048576 bytes/);
});

test('collecting needs a header only', () => {
  const header = abi.ulp_request.read(view(encodeCollect()));
  expect(header).toMatchObject({ operation: abi.OPERATION.collect, length: abi.ulp_request.size });
});
