/** The foreign functions, loaded when they are needed first. */
export type Libc = typeof import('./libc');
let loaded: Libc | undefined;

/**
 * Loads the FFI. Worth calling before a thread is stopped: it takes 30 to 50 ms.
 * The package's own name, so that a bundled command finds the native code beside it.
 */
export function libc(): Libc {
  // Loaded late because commands that only read never need it.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return (loaded ??= require('@ulp/ptrace-ffi/libc') as Libc);
}
