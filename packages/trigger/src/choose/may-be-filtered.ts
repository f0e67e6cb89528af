/** Which threads may have a seccomp filter, or a dispatch of their system calls to themselves. */
import type { Thread } from '@ulp/ptrace-ffi';

/** Has a thread to be asked, which makes it stand for a moment? */
export const mayBeFiltered = ({ seccomp, catchesSigsys }: Thread): boolean =>
  seccomp !== 0 || catchesSigsys;
