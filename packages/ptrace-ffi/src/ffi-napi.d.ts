/** The little of ffi-napi and ref-napi that libc.ts uses; neither ships types. */
declare module 'ffi-napi' {
  /** A prepared call: types of result and arguments, in libffi's own struct. */
  export function CIF(result: string, parameters: readonly string[]): Buffer;
  /** Without a path: the symbols of this process. */
  export function DynamicLibrary(path: string | null): { get(symbol: string): Buffer };
}
declare module 'ffi-napi/lib/bindings' {
  /** Calls `target`; `slots` holds one pointer per argument. Nothing is copied or converted. */
  export function ffi_call(cif: Buffer, target: Buffer, result: Buffer, slots: Buffer): void;
}
declare module 'ref-napi' {
  export function address(buffer: Buffer): number;
  /** A buffer over memory that this one's first word points to. */
  export function readPointer(buffer: Buffer, offset: number, size: number): Buffer;
}
