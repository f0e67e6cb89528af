/**
 * A process as a patch sees it: the runtime, the target libraries, the patches that are there. Read
 * only.
 */
import { abi, relocate, UlpError, type RemoteAddress } from '@ulp/core';
import type { FunctionPair, Metadata, Target } from '@ulp/metadata';
import {
  findRuntime,
  liveLibraries,
  type Image,
  type LiveLibrary,
  type Mapping,
  type Patch,
  type Process,
  type Runtime,
} from '@ulp/ptrace-ffi';
import { basename } from 'node:path';

export interface TargetProcess {
  readonly process: Process;
  readonly runtime: Runtime;
  readonly control: abi.UlpControl;
  /** The library of each target of the metadata, in its order. */
  readonly libraries: readonly LiveLibrary[];
  readonly patches: readonly Patch[];
}

/**
 * Looks at everything that a patch needs, before anything is touched.
 * @param maps as they were a moment ago, if they are known
 * @throws UlpError runtime-*, library-*, build-id-mismatch, process-*
 */
export function examine(
  process: Process,
  metadata: Metadata,
  maps: readonly Mapping[] = process.maps(),
): TargetProcess {
  try {
    return look(process, metadata, maps);
  } catch (error) {
    // What was found in two programs, before and after an exec, makes no sense.
    process.assertAlive();
    throw error;
  }
}

function look(process: Process, metadata: Metadata, maps: readonly Mapping[]): TargetProcess {
  const images = process.images(maps);
  const runtime = findRuntime(process, images, maps);
  const live = liveLibraries(process, images, runtime);
  const libraries = metadata.targets.map((target) => findTarget(process, images, live, target));
  return {
    process,
    runtime,
    control: runtime.readControl(),
    libraries,
    patches: runtime.patches(),
  };
}

function findTarget(
  process: Process,
  images: readonly Image[],
  live: readonly LiveLibrary[],
  target: Target,
): LiveLibrary {
  const subject = `${process.subject}: ${target.path}`;
  const matching = live.filter((l) => l.image.buildId === target.buildId);
  const library = matching.find((l) => l.bound) ?? matching[0];
  if (library) {
    requirePatchable(subject, library);
    return library;
  }
  if (images.some((image) => image.buildId === target.buildId))
    throw new UlpError('library-not-patchable', { subject, found: 'no ULP note' });
  const other =
    images.find(({ path }) => isNameOf(target, path)) ??
    // The file may have been renamed since; the loader knows under which name it came.
    process.linkMap([...images]).find(({ name }) => isNameOf(target, name))?.image;
  if (!other) throw new UlpError('library-absent', { subject });
  throw new UlpError('build-id-mismatch', {
    subject,
    expected: target.buildId,
    found: other.buildId ?? 'none',
  });
}

function requirePatchable(subject: string, library: LiveLibrary): void {
  if (library.abi !== abi.ABI_VERSION)
    throw new UlpError('library-abi', {
      subject,
      expected: `ABI version ${abi.ABI_VERSION}`,
      found: String(library.abi),
    });
  if (!library.gated)
    throw new UlpError('library-not-patchable', { subject, detail: 'run ulp-dynsym-gate on it' });
  if (!library.bound)
    throw new UlpError('library-not-patchable', {
      subject,
      found: 'a library that is not bound to this libpulp.so',
      detail: 'preload libpulp.so when the process starts',
    });
}

const isNameOf = ({ path, soname }: Target, name: string): boolean =>
  name !== '' && [basename(path), soname].includes(basename(name));

/** S of an old function in the process. */
export const oldFunction = (library: LiveLibrary, pair: FunctionPair): RemoteAddress =>
  relocate(pair.oldAddress, library.image.loadBias);

/**
 * Do all old functions begin as the gate leaves them?
 * @throws UlpError library-not-patchable
 */
export function requireEntries(
  { process, libraries }: Pick<TargetProcess, 'process' | 'libraries'>,
  metadata: Metadata,
): void {
  for (const [i, target] of metadata.targets.entries()) {
    const library = libraries[i] as LiveLibrary;
    for (const pair of target.functions) {
      const at = oldFunction(library, pair);
      const inside = at >= library.image.start && at < library.image.end;
      const opcode = inside ? process.memory.tryRead(at, 8)?.[pair.entryOffset] : undefined;
      if (opcode !== abi.ENTRY.rest && opcode !== abi.ENTRY.detoured)
        throw new UlpError('library-not-patchable', {
          subject: `${process.subject}: ${target.path}: ${pair.oldName}`,
          fact: 'does not begin as a gated function does',
        });
    }
  }
}

export const appliedPatch = (patches: readonly Patch[], id: string): Patch | undefined =>
  patches.find((patch) => patch.id === id && patch.state === 'applied');
