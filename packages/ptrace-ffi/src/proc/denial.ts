/**
 * Why the kernel said EPERM or EACCES: it does not tell, so look at everything that it looks at.
 */
import { statSync } from 'node:fs';
import { UlpError } from '@ulp/core';
import { errnoOf, tryReadProcFile } from './proc-file';
import { isDead } from './stat';
import { nameIn, numbers, readStatus } from './status';

/**
 * Of Yama (Documentation/admin-guide/LSM/Yama.rst): from 1 on it takes a capability, from here on
 * none is enough.
 */
const YAMA_NOBODY = 3;
/** Bit of capabilities(7). */
const CAP_SYS_PTRACE = 1n << 19n;
const ABOUT_THE_PROCESS = ['EPERM', 'EACCES', 'ENOENT', 'ESRCH'];

/** Has the failure to do with us, and not with the process? */
const isOurOwn = (cause: unknown): boolean =>
  cause !== undefined && !ABOUT_THE_PROCESS.includes(errnoOf(cause));

/**
 * @param pid of the process, or of a thread of it
 * @param cause what the system call threw; thrown again when it has to do with us (EMFILE)
 * @param action what was tried: `read its memory`, `trace it`
 * @returns process-missing, process-traced or process-denied
 */
export function explainDenial(pid: number, action: 'read' | 'trace', cause?: unknown): UlpError {
  if (isOurOwn(cause)) throw cause;
  let status: ReturnType<typeof readStatus>;
  try {
    status = readStatus(`/proc/${pid}/status`);
  } catch (error) {
    if (!['EPERM', 'EACCES'].includes(errnoOf(error))) throw error;
    const detail = 'it is hidden from us (hidepid of /proc); run as its user or as root';
    return new UlpError('process-denied', { subject: `process ${pid}`, detail }, cause);
  }
  // A thread was meant, perhaps: it has the process's fate.
  const subject = `process ${status?.get('Tgid') ?? pid}`;
  const state = status?.get('State') ?? '';
  if (!status || isDead(state[0] ?? ''))
    return new UlpError('process-missing', { subject, ...(state && { found: state }) }, cause);

  // No question of permission: a thread that ends or executes a program has nothing to show.
  if (['ENOENT', 'ESRCH'].includes(errnoOf(cause)))
    return new UlpError(
      'process-missing',
      { subject, fact: 'it ends or executes a program' },
      cause,
    );
  const tracer = Number(status.get('TracerPid') ?? 0);
  if (action === 'trace' && tracer !== 0 && tracer !== process.pid)
    return traced(subject, tracer, cause);

  const denied = (detail: string, expected?: string, found?: string): UlpError =>
    new UlpError(
      'process-denied',
      { subject, detail, ...(expected && { expected }), ...(found && { found }) },
      cause,
    );
  const yama = Number(tryReadProcFile('/proc/sys/kernel/yama/ptrace_scope') ?? 0);
  if (yama >= YAMA_NOBODY)
    return denied(
      `kernel.yama.ptrace_scope is ${yama}: nobody may; it stays so until the machine starts again with a lower one`,
    );
  const ours = process.geteuid?.() ?? 0;
  const user = numbers(status.get('Uid')).find((uid) => uid !== ours);
  if (ours !== 0 && user !== undefined)
    return denied('run as that user or as root', `uid ${ours}`, `uid ${user}`);
  const group = process.getegid?.() ?? 0;
  const other = numbers(status.get('Gid')).find((gid) => gid !== group);
  if (ours !== 0 && other !== undefined)
    return denied('run with that group or as root', `gid ${group}`, `gid ${other}`);
  // The kernel gives the files of a process that is not dumpable to root.
  if (ours !== 0 && ownerOf(`/proc/${pid}/maps`) !== ours)
    return denied('the process is not dumpable: it changed its user, or asked for it; run as root');
  const own = capabilities(readStatus('/proc/self/status')?.get('CapEff'));
  const isCapable = (own & CAP_SYS_PTRACE) !== 0n;
  if (yama > 0 && !isCapable)
    return denied(`kernel.yama.ptrace_scope is ${yama}; run as root, with CAP_SYS_PTRACE`);
  const theirs = capabilities(status.get('CapPrm'));
  if ((theirs & ~own) !== 0n && !isCapable)
    return denied(
      'it has capabilities that this program has not; run as root, with CAP_SYS_PTRACE',
      hex(own),
      hex(theirs),
    );
  return denied(
    'a capability (CAP_SYS_PTRACE), a user namespace or a security module is missing or refuses',
  );
}

/**
 * @param subject the process that is traced
 * @param tracer thread id
 * @returns process-traced
 */
export function traced(subject: string, tracer: number, cause?: unknown): UlpError {
  const status = readStatus(`/proc/${tracer}/status`);
  const found = `tracer ${tracer}${status ? ` (${nameIn(status)})` : ''}`;
  return new UlpError('process-traced', { subject, found, detail: 'detach it first' }, cause);
}

/** @param field such as `CapEff:` of /proc/PID/status */
const capabilities = (field = '0'): bigint => BigInt(`0x${field}`);

const hex = (set: bigint): string => `capabilities 0x${set.toString(16)}`;

function ownerOf(path: string): number | undefined {
  try {
    return statSync(path).uid;
  } catch {
    return undefined;
  }
}
