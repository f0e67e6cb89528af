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

/** A target of the metadata, and the library of the process that it means. */
export interface TargetLibrary {
  readonly target: Target;
  readonly library: LiveLibrary;
}

export interface TargetProcess {
  readonly process: Process;
  readonly runtime: Runtime;
  readonly control: abi.UlpControl;
  /** In the metadata's order. */
  readonly targets: readonly TargetLibrary[];
  readonly patches: readonly Patch[];
}

/** An old function of the metadata in the process. */
export interface OldFunction extends TargetLibrary {
  readonly pair: FunctionPair;
  readonly address: RemoteAddress;
  /** The first byte of its entry; undefined: it is not in the library, or cannot be read. */
  readonly opcode: number | undefined;
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
  const targets = metadata.targets.map((target) => ({
    target,
    library: findTarget(process, images, live, target),
  }));
  return {
    process,
    runtime,
    control: runtime.readControl(),
    targets,
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

export const readOldFunctions = ({ process, targets }: TargetProcess): OldFunction[] =>
  targets.flatMap(({ target, library }) =>
    target.functions.map((pair) => {
      const address = oldFunction(library, pair);
      const isInside = address >= library.image.start && address < library.image.end;
      const bytes = isInside ? process.memory.tryRead(address, 8) : undefined;
      return { target, library, pair, address, opcode: bytes?.[pair.entryOffset] };
    }),
  );

export const appliedPatch = (patches: readonly Patch[], id: string): Patch | undefined =>
  patches.find((patch) => patch.id === id && patch.state === 'applied');

/** How many reverted patches are still in memory, because threads are still inside. */
export const countRetained = (patches: readonly Patch[]): number =>
  patches.filter((patch) => patch.state === 'reverted').length;
