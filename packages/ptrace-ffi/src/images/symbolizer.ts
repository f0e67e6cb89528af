/**
 * Names for code addresses of another process, looked up only when they are asked for: in the
 * symbol tables of the file that is mapped there. Names are the file's claim: to be printed
 * escaped.
 */
import { closeSync } from 'node:fs';
import { basename } from 'node:path';
import { abi, hex, remoteAddress, type RemoteAddress } from '@ulp/core';
import {
  beginsTrampoline,
  FunctionNames,
  TRAMPOLINE_HEAD_SIZE,
  type NamedFunction,
} from '@ulp/elf';
import type { Image } from './images';
import type { AddressSpace } from '../proc/address-space';
import { mappingAt, type Mapping } from '../proc/maps';
import { openImageFile, readerOf } from './mapped-file';

export interface CodePlace {
  readonly address: RemoteAddress;
  /**
   * As the target sees it, or a name of the kernel's like `[vdso]`; undefined: memory without a
   * file.
   */
  readonly file: string | undefined;
  readonly function: string | undefined;
  /** From the start of the function; without one, from that of the file as addr2line counts. */
  readonly offset: bigint;
}

/** The same as JSON. */
export interface PlaceDocument {
  readonly address: string;
  readonly file: string | null;
  readonly function: string | null;
  readonly offset: number;
}

export const placeDocument = ({ address, file, offset, ...place }: CodePlace): PlaceDocument => ({
  address: hex(address),
  file: file ?? null,
  function: place.function ?? null,
  offset: Number(offset),
});

/** `FILE:function+0xOFF`, `FILE+0xOFF` or the address. Not escaped. */
export function placeText({ address, file, function: name, offset }: PlaceDocument): string {
  if (file === null) return address;
  return `${basename(file)}${name === null ? '' : `:${name}`}+${hex(offset)}`;
}

/**
 * Bytes of symbol tables and names that are read from all files of one process: a library has some
 * megabytes.
 */
const TABLE_BYTES = 256 << 20;

/** A process whose images can be listed. */
interface LoadedProcess extends AddressSpace {
  images(maps: readonly Mapping[]): Image[];
}

export class Symbolizer {
  private readonly budget = { bytes: TABLE_BYTES };
  private readonly files = new Map<Image, { names: FunctionNames; fd: number } | undefined>();
  private readonly known = new Map<bigint, CodePlace>();

  /** @param images and maps of about now */
  constructor(
    private readonly process: LoadedProcess,
    private readonly maps: readonly Mapping[] = process.maps(),
    private readonly images: readonly Image[] = process.images(maps),
  ) {}

  isExecutable(address: bigint): boolean {
    return mappingAt(this.maps, address)?.executable ?? false;
  }

  /** The mapping that holds an address. */
  mapping(address: bigint): Mapping | undefined {
    return mappingAt(this.maps, address);
  }

  /**
   * @param returns the address is one to return to: it may lie after the end of the function that
   * called,
   *   or where the thread is: it may be a function's first
   */
  place(address: bigint, returns = true): CodePlace {
    const key = returns ? address : -address - 1n;
    const known = this.known.get(key) ?? this.find(remoteAddress(address), returns ? 1n : 0n);
    this.known.set(key, known);
    return known;
  }

  close(): void {
    for (const file of this.files.values()) if (file) closeSync(file.fd);
    this.files.clear();
  }

  private find(address: RemoteAddress, back: bigint): CodePlace {
    const mapping = mappingAt(this.maps, address);
    if (!mapping || mapping.path === '')
      return { address, file: undefined, function: undefined, offset: 0n };
    const image = this.images.find(({ start, end }) => start <= address && address < end);
    if (!image) {
      const offset = address - mapping.start + mapping.offset;
      return { address, file: mapping.path, function: undefined, offset };
    }
    const link = address - image.loadBias;
    const found = this.names(image)?.at(link - back);
    const start = found && functionStart(this.process, image, found, link);
    return {
      address,
      file: image.path,
      function: found?.name,
      offset: start === undefined ? link : link - start,
    };
  }

  private names(image: Image): FunctionNames | undefined {
    if (!this.files.has(image)) {
      const fd = openImageFile(this.process, image, this.maps);
      this.files.set(
        image,
        fd === undefined ? undefined : { fd, names: FunctionNames.of(readerOf(fd, this.budget)) },
      );
    }
    return this.files.get(image)?.names;
  }
}

/** ulp-dynsym-gate lets exported symbols begin at the trampoline, before the function itself. */
function functionStart(
  { memory }: AddressSpace,
  { loadBias }: Image,
  { start }: NamedFunction,
  link: bigint,
): bigint {
  const body = start + BigInt(abi.PADDING.before);
  const head = memory.tryRead(remoteAddress(start + loadBias), TRAMPOLINE_HEAD_SIZE);
  return link >= body && beginsTrampoline(head) ? body : start;
}
