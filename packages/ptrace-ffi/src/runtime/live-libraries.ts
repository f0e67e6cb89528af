/** The live-patchable libraries in a process: images with the note of trm.o. */
import {
  abi,
  ByteView,
  relocate,
  remoteAddress,
  UlpError,
  linkAddress,
  type RemoteAddress,
} from '@ulp/core';
import type { LoadedNote } from '../images/elf-in-memory';
import type { Image } from '../images/images';
import type { Process } from '../process';
import type { Runtime } from './runtime';

export interface LiveLibrary {
  readonly image: Image;
  /** ABI version that it was built for; the rest is known only when it is ours. */
  readonly abi: number;
  /** ulp-dynsym-gate has been run on it. */
  readonly gated: boolean;
  /** Address of its ulp_library. */
  readonly address: RemoteAddress;
  /** undefined for another ABI version. */
  readonly descriptor: abi.UlpLibrary | undefined;
  /** Where a thread's ulp_tls lies, from its fs base, modulo 2^64; 0 for another ABI version. */
  readonly tpoff: bigint;
  /** It enters through this runtime, and not through another copy or none. */
  readonly bound: boolean;
}

const libraryNote = (image: Image): LoadedNote | undefined =>
  image.notes.find((n) => n.owner === abi.NOTE_OWNER && n.type === abi.NOTE_TYPE.library);

/**
 * @param runtime undefined: nothing is bound
 * @throws UlpError process-hostile
 */
export function liveLibraries(
  process: Process,
  images: readonly Image[],
  runtime: Runtime | undefined,
): LiveLibrary[] {
  return images.flatMap((image) => {
    const note = libraryNote(image);
    return note ? describe(process, image, note, runtime) : [];
  });
}

function describe(
  process: Process,
  image: Image,
  note: LoadedNote,
  runtime: Runtime | undefined,
): LiveLibrary {
  const subject = `${process.subject}: ${image.path}`;
  const view = new ByteView(note.description, `${subject}: note`, 'process-hostile');
  view.check(0, 4, 'abi');
  const version = view.data.getUint32(abi.ulp_note_library.offset.abi, true);
  if (version !== abi.ABI_VERSION) return foreign(image, version);
  const value = abi.ulp_note_library.read(view);
  // Not gated, it has the distance alone.
  const link =
    value.library !== 0n
      ? value.library
      : note.address + BigInt(abi.ulp_note_library.offset.distance) + BigInt(value.distance);
  const address = relocate(linkAddress(BigInt.asUintN(64, link)), image.loadBias);
  const library = {
    image,
    abi: value.abi,
    gated: value.gate === abi.GATE.gated,
    address,
    descriptor: undefined,
    tpoff: 0n,
    bound: false,
  };
  const size = BigInt(abi.ulp_library.size);
  if (address < image.start || address + size > image.end) throw hostile(subject);
  const descriptor = process.memory.readStruct(abi.ulp_library, address, 'the ulp_library');
  if (descriptor.magic !== abi.MAGIC.library || descriptor.size !== abi.ulp_library.size)
    throw hostile(subject);
  const word = (place: bigint): bigint => {
    if (place < image.start || place + 8n > image.end) throw hostile(subject);
    return process.memory.read(remoteAddress(place), 8).readBigUInt64LE();
  };
  const found = abi.tlsOffset(address, descriptor);
  if (!found) throw hostile(subject);
  const tpoff = 'place' in found ? word(found.place) : found.value;
  const global = word(address + BigInt(abi.ulp_library.offset.global_way + descriptor.global_way));
  return { ...library, descriptor, tpoff, bound: global === runtime?.universeAddress };
}

/** Of another ABI version: its note may be of another size, and say other things, from `abi` on. */
const foreign = (image: Image, version: number): LiveLibrary => ({
  image,
  abi: version,
  gated: false,
  address: remoteAddress(0n),
  descriptor: undefined,
  tpoff: 0n,
  bound: false,
});

const hostile = (subject: string): UlpError =>
  new UlpError('process-hostile', {
    subject,
    expected: `an ulp_library of ${abi.ulp_library.size} bytes inside the image`,
  });
