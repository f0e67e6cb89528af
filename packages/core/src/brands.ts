/**
 * Types that say which space a number lives in. A brand costs nothing at run time; it keeps the
 * compiler from adding a link address to a process's memory or from passing a thread id as a pid.
 */
declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** A virtual address as written in an ELF file, before the loader has placed the file. */
export type LinkAddress = Branded<bigint, 'LinkAddress'>;
/** A virtual address in another process. Never dereferenced here; only passed to its memory. */
export type RemoteAddress = Branded<bigint, 'RemoteAddress'>;
/** A position in a file, in bytes from its start. */
export type FileOffset = Branded<number, 'FileOffset'>;
/** A process id, as seen from the tool's own pid namespace. */
export type Pid = Branded<number, 'Pid'>;
/** A thread id (a "kernel task"), as seen from the tool's own pid namespace. */
export type Tid = Branded<number, 'Tid'>;
/** The number that all functions of one patch carry in one process; 32 bits, counted from 1. */
export type Universe = Branded<number, 'Universe'>;
/** A GNU build-id in lower-case hexadecimal. */
export type BuildId = Branded<string, 'BuildId'>;

export const linkAddress = (value: bigint): LinkAddress => BigInt.asUintN(64, value) as LinkAddress;
export const remoteAddress = (value: bigint): RemoteAddress =>
  BigInt.asUintN(64, value) as RemoteAddress;
export const fileOffset = (value: number): FileOffset => value as FileOffset;
export const pid = (value: number): Pid => value as Pid;
export const tid = (value: number): Tid => value as Tid;
export const universe = (value: number): Universe => value as Universe;
export const buildId = (bytes: Uint8Array): BuildId =>
  Buffer.from(bytes).toString('hex') as BuildId;

/**
 * The address in a process of something at `link` in a file: the only way from one to the other.
 * @param loadBias what the loader added to every address of the file (`l_addr` of the link map)
 */
export const relocate = (link: LinkAddress, loadBias: bigint): RemoteAddress =>
  remoteAddress(link + loadBias);
