/**
 * libpulp.so in another process, found by its note and not by its name. Everything that is read
 * here is the target's claim and may change between two reads, so it is checked before it is used.
 */
import { abi, ByteView, hex, linkAddress, relocate, remoteAddress, UlpError } from '@ulp/core';
import type { RemoteAddress, Universe } from '@ulp/core';
import { checkedUniverse } from './checked-universe';
import type { LoadedNote } from '../images/elf-in-memory';
import type { Image } from '../images/images';
import { mappingAt, type Mapping } from '../proc/maps';
import type { Process } from '../process';
import { readPatches, type Patch } from './patches';

export interface Runtime {
  readonly process: Process;
  readonly image: Image;
  /** Address of the ulp_control. */
  readonly address: RemoteAddress;
  /** Address of its universe: what libraries that are bound to this runtime point to. */
  readonly universeAddress: RemoteAddress;
  /** As it is now, checked. @throws UlpError process-hostile, process-missing */
  readControl(): abi.UlpControl;
  /** The global universe, as it is now: one short read. */
  readUniverse(): Universe;
  patches(): Patch[];
}

/**
 * @throws UlpError runtime-absent, runtime-abi, runtime-unusable (not initialised), process-hostile
 */
export function findRuntime(
  process: Process,
  images: readonly Image[] = process.images(),
  maps: readonly Mapping[] = process.maps(),
): Runtime {
  const found = images.flatMap((image) => {
    const note = runtimeNote(image);
    return note ? [{ image, note }] : [];
  });
  if (found.length === 0) throw new UlpError('runtime-absent', { subject: process.subject });
  let problem: unknown;
  // Of two copies (two preloads) only one has initialised itself.
  for (const { image, note } of found)
    try {
      const runtime = runtimeAt(process, image, controlAddress(process, image, note), maps);
      runtime.readControl();
      return runtime;
    } catch (error) {
      problem ??= error;
    }
  throw problem;
}

/** Does this image say that it is libpulp.so? */
export const runtimeNote = (image: Image): LoadedNote | undefined =>
  image.notes.find((n) => n.owner === abi.NOTE_OWNER && n.type === abi.NOTE_TYPE.runtime);

function runtimeAt(
  process: Process,
  image: Image,
  address: RemoteAddress,
  maps: readonly Mapping[],
): Runtime {
  const universeAddress = remoteAddress(address + BigInt(abi.ulp_control.offset.universe));
  let known = maps;
  const control = (): abi.UlpControl => {
    try {
      return readControl(process, image, address, known);
    } catch (error) {
      if (!(error instanceof UlpError && error.code === 'process-hostile')) throw error;
      // The constructor may have run since they were read: what it points to is newer than they
      // are.
      known = process.maps();
      return readControl(process, image, address, known);
    }
  };
  return {
    process,
    image,
    address,
    universeAddress,
    readControl: control,
    readUniverse: () =>
      checkedUniverse(
        process.subject,
        process.memory.read(universeAddress, 8, 'the universe').readBigUInt64LE(),
      ),
    patches: () => readPatches(process, control()),
  };
}

function controlAddress(process: Process, image: Image, note: LoadedNote): RemoteAddress {
  const subject = `${process.subject}: ${image.path}`;
  const layout = abi.ulp_note_runtime;
  const view = new ByteView(note.description, `${subject}: note`, 'process-hostile');
  view.check(0, 4, 'abi');
  const version = view.data.getUint32(layout.offset.abi, true);
  if (version !== abi.ABI_VERSION)
    throw new UlpError('runtime-abi', {
      subject,
      expected: `ABI version ${abi.ABI_VERSION}`,
      found: `${version}`,
    });
  const { control, control_size } = layout.read(view);
  const link = note.address + BigInt(layout.offset.control) + BigInt(control);
  const address = relocate(linkAddress(link), image.loadBias);
  if (control_size !== abi.ulp_control.size || !inside(image, address, control_size))
    throw new UlpError('process-hostile', {
      subject,
      expected: `an ulp_control of ${abi.ulp_control.size} bytes inside the image`,
      found: `${control_size} bytes at ${hex(address)}`,
    });
  return address;
}

const inside = (image: Image, address: bigint, size: number): boolean =>
  image.start <= address && address + BigInt(size) <= image.end;

function readControl(
  process: Process,
  image: Image,
  address: RemoteAddress,
  maps: readonly Mapping[],
): abi.UlpControl {
  const subject = `${process.subject}: ${image.path}`;
  const control = process.memory.readStruct(abi.ulp_control, address, 'the ulp_control');
  if (control.magic === 0n)
    throw new UlpError('runtime-unusable', {
      subject,
      detail: 'its constructor has not run, or another copy of it is in use',
    });
  const hostile = (field: string, expected: string, found: bigint | number): never => {
    throw new UlpError('process-hostile', {
      subject: `${subject}: ulp_control.${field}`,
      expected,
      found: hex(found),
    });
  };
  if (control.magic !== abi.MAGIC.control) hostile('magic', hex(abi.MAGIC.control), control.magic);
  if (control.abi !== abi.ABI_VERSION) hostile('abi', hex(abi.ABI_VERSION), control.abi);
  if (control.size !== abi.ulp_control.size)
    hostile('size', hex(abi.ulp_control.size), control.size);
  checkedUniverse(subject, control.universe);
  if (!isWritable(maps, address, abi.ulp_control.size))
    hostile('magic', 'memory of its own that can be written', address);
  for (const [field, size] of OWN_SEGMENTS)
    if (!inside(image, control[field], size) || !isOwn(maps, control[field], size))
      hostile(field, `${size} bytes inside the image`, control[field]);
  // Without a helper there is no thread block of it, and perhaps no memory to talk with it.
  if (control.flags & abi.RUNTIME_FLAG.noHelper) return control;
  const request = Number(control.request_size);
  if (request < abi.ulp_request.size || request > abi.LIMIT.requestBytes)
    hostile('request_size', `at most ${hex(abi.LIMIT.requestBytes)}`, control.request_size);
  // Written through /proc/PID/mem, which needs no right to write there.
  for (const [field, size] of [['request', request] as const, ['patches', PATCHES_BYTES] as const])
    if (!isOwn(maps, control[field], size))
      hostile(field, `${size} bytes of private memory`, control[field]);
  for (const [field, size] of HELPER_MEMORY)
    if (!isWritable(maps, control[field], size))
      hostile(field, `${size} bytes of memory that can be written`, control[field]);
  return control;
}

/** What lies in libpulp.so's own segments, with its size in bytes. */
const OWN_SEGMENTS = [
  ['gadget', 1],
  ['gadget_end', 0],
  ['repeat', 1],
  ['slots', abi.SLOT_COUNT * abi.SLOT_STRIDE],
  ['slot_records', abi.SLOT_COUNT * abi.ulp_slot.size],
  ['slot_map', abi.SLOT_COUNT / 8],
  ['pins', abi.LIMIT.pins * abi.ulp_pin.size],
] as const;

const PATCHES_BYTES = abi.LIMIT.patches * abi.ulp_patch.size;

const HELPER_MEMORY = [
  ['helper_tls', 8],
  ['tid_address', 4],
] as const;

/**
 * Mapped all over, and private: what is written there is seen by this process alone, and by no
 * file.
 */
function isOwn(maps: readonly Mapping[], address: bigint, size: number, written = false): boolean {
  for (let at = address; at < address + BigInt(size);) {
    const mapping = mappingAt(maps, at);
    if (!mapping || mapping.shared || (written && !mapping.writable)) return false;
    at = mapping.end;
  }
  return true;
}

const isWritable = (maps: readonly Mapping[], address: bigint, size: number): boolean =>
  isOwn(maps, address, size, true);
