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
import type { LoadedNote } from './elf-in-memory';
import type { Image } from './images';
import type { Process } from './process';
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
  const value = abi.ulp_note_library.read(view);
  const link = note.address + BigInt(abi.ulp_note_library.offset.library) + BigInt(value.library);
  const address = relocate(linkAddress(link), image.loadBias);
  const library = {
    image,
    abi: value.abi,
    gated: value.gate === abi.GATE.gated,
    address,
    descriptor: undefined,
    tpoff: 0n,
    bound: false,
  };
  if (value.abi !== abi.ABI_VERSION) return library;
  const size = BigInt(abi.ulp_library.size);
  if (address < image.start || address + size > image.end) throw hostile(subject);
  const descriptor = process.memory.readStruct(abi.ulp_library, address, 'the ulp_library');
  if (descriptor.magic !== abi.MAGIC.library || descriptor.size !== abi.ulp_library.size)
    throw hostile(subject);
  const slot = abi.tlsOffsetAddress(address, descriptor);
  if (slot < image.start || slot + 8n > image.end) throw hostile(subject);
  const tpoff = process.memory.read(remoteAddress(slot), 8).readBigUInt64LE();
  return { ...library, descriptor, tpoff, bound: descriptor.global === runtime?.universeAddress };
}

const hostile = (subject: string): UlpError =>
  new UlpError('process-hostile', {
    subject,
    expected: `an ulp_library of ${abi.ulp_library.size} bytes inside the image`,
  });
