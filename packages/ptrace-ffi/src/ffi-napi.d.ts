/** The little of ffi-napi and ref-napi that libc.ts uses; neither ships types. */
declare module 'ffi-napi/lib/bindings' {
  /** libffi's own types and numbers. */
  export const FFI_TYPES: { readonly uint64: Buffer };
  export const FFI_CIF_SIZE: number;
  export const FFI_DEFAULT_ABI: number;
  export const FFI_OK: number;
  /** Functions of libdl, which libffi is not asked for. */
  export const StaticFunctions: { readonly dlsym: Buffer };
  /** Prepares a call in `cif`, which keeps pointing to `parameters`: one `ffi_type *` each. */
  export function ffi_prep_cif(
    cif: Buffer,
    count: number,
    result: Buffer,
    parameters: Buffer,
    abi: number,
  ): number;
  /** Calls `target`; `slots` holds one pointer per argument. Nothing is copied or converted. */
  export function ffi_call(cif: Buffer, target: Buffer, result: Buffer, slots: Buffer): void;
}
declare module 'ref-napi' {
  export function address(buffer: Buffer): number;
  /** A buffer over memory that this one's first word points to. */
  export function readPointer(buffer: Buffer, offset: number, size: number): Buffer;
}
