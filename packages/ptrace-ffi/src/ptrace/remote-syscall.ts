/**
 * One system call made by a borrowed thread, at a `syscall` instruction that the target has anyway.
 */
import { remoteAddress, UlpError, type RemoteAddress } from '@ulp/core';
import type { AddressSpace } from '../proc/address-space';
import { ERESTART, resumable } from './restart';
import type { Tracee } from './tracee';

const SYSCALL = Buffer.from([0x0f, 0x05]);
const SIGKILL = 9n;
const SIGSTOP = 19n;
const ALL_SIGNALS = ~((1n << (SIGKILL - 1n)) | (1n << (SIGSTOP - 1n)));
/** Direction and trap flag. */
const DF_TF = 0x500n;

/** The address of a `syscall` instruction, in the vdso. @throws UlpError process-unsupported */
export function findSyscall(process: AddressSpace): RemoteAddress {
  const vdso = process.maps().find((m) => m.path === '[vdso]' && m.inode === 0n);
  if (vdso) {
    const at = process.memory
      .read(vdso.start, Number(vdso.end - vdso.start), 'vdso')
      .indexOf(SYSCALL);
    if (at >= 0) return remoteAddress(vdso.start + BigInt(at));
  }
  throw new UlpError('process-unsupported', {
    subject: process.subject,
    expected: 'a vdso with a syscall instruction',
  });
}

/**
 * Makes a thread that stands at an interrupt-stop execute one system call, then gives it all its
 * registers and its signal mask back. The thread still stands afterwards; detach() must follow. If
 * this program is killed in between, the thread is lost: where that matters, have code in the
 * target that finds its own way back, as the launch gadget of libpulp.so does.
 * @returns what the kernel returned: negated errno on failure
 * @throws UlpError timed-out (the call was broken off), process-missing
 */
export function remoteSyscall(
  tracee: Tracee,
  instruction: RemoteAddress,
  number: bigint,
  args: readonly bigint[],
  timeoutMs = 2000,
): bigint {
  const saved = resumable(tracee.getRegs());
  // First of all: if this program dies now, the kernel decides as it should.
  tracee.setRegs(saved);
  const mask = tracee.getSigmask();
  const [rdi = 0n, rsi = 0n, rdx = 0n, r10 = 0n, r8 = 0n, r9 = 0n] = args;
  tracee.setRegs(
    saved.with({
      rip: instruction,
      rax: number,
      orig_rax: -1n,
      eflags: saved.get('eflags') & ~DF_TF,
      ...{ rdi, rsi, rdx, r10, r8, r9 },
    }),
  );
  tracee.setSigmask(ALL_SIGNALS);
  const result = runToExit(tracee, timeoutMs);
  tracee.setSigmask(mask);
  tracee.setRegs(saved);
  if (result !== undefined) return result;
  throw new UlpError('timed-out', {
    subject: `thread ${tracee.tid}`,
    fact: 'a system call made on its behalf did not return in time',
  });
}

/**
 * From an interrupt-stop over the entry stop to the exit stop of one system call.
 * @returns undefined when the call had to be broken off
 */
function runToExit(tracee: Tracee, timeoutMs: number): bigint | undefined {
  tracee.syscall();
  let brokenOff = false;
  for (let stops = 0; ;) {
    const stop = tracee.waitForStop(timeoutMs);
    switch (stop?.kind) {
      case undefined:
        if (brokenOff)
          throw new UlpError('timed-out', {
            subject: `thread ${tracee.tid}`,
            fact: 'it hangs in a system call made on its behalf',
          });
        brokenOff = true;
        tracee.interrupt();
        break;
      case 'exited':
      case 'killed':
        throw new UlpError('process-missing', {
          subject: `thread ${tracee.tid}`,
          fact: 'it has ended',
        });
      case 'executed':
        throw new UlpError('process-missing', {
          subject: `thread ${tracee.tid}`,
          fact: 'it has executed another program',
        });
      case 'signal':
        // Only SIGSTOP gets through the mask: let the group stop begin, and carry on.
        tracee.syscall(stop.signal);
        break;
      case 'group':
      case 'interrupted':
        if (brokenOff) return undefined;
        tracee.syscall();
        break;
      case 'syscall': {
        const atExit = ++stops % 2 === 0;
        const result = atExit ? tracee.getRegs().signed('rax') : ERESTART.NOINTR;
        if (atExit && brokenOff) return undefined;
        // Broken off by a group stop before it did anything: the kernel makes it again.
        if (result !== ERESTART.NOINTR) return result;
        tracee.syscall();
      }
    }
  }
}
