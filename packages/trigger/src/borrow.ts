/**
 * Borrows one thread of the target for one clone: stop it, send it into the launch gadget of libpulp.so,
 * give it back. This program may die at any line: the frame written on the thread's stack lets the gadget
 * put the thread back by itself. The order of the requests is that argument; do not change it.
 *
 * Everything between interrupt and detach is synchronous.
 */
import { abi, remoteAddress, UlpError, type Tid } from '@ulp/core';
import { now, resumable, Tracee, type Process, type Registers, type Thread } from '@ulp/ptrace-ffi';

/** How long a thread may take to stop before another one is tried, in ms. */
const STOP_MS = 200;
/** How long the gadget's system call may take, in ms. */
const GADGET_MS = 2000;
const RED_ZONE = 128n;
const ALL_SIGNALS = 0xffff_ffff_ffff_ffffn;
/** Direction and trap flag. */
const DF_TF = 0x500n;
const USER_CS_64 = 0x33n;
const SIGSTOP = 19;
const SYSCALL_SIZE = 2n;
const NR = { clone: 56n, restart_syscall: 219n } as const;
const ERESTART = { SYS: -512n, NOINTR: -513n, NOHAND: -514n, RESTARTBLOCK: -516n } as const;

/** System calls out of which a thread is borrowed without any trace, even if this program dies. */
const HARMLESS: ReadonlySet<number | undefined> = new Set([
  ...[0, 1, 7, 271], // read, write, poll, ppoll
  ...[35, 230, 202], // nanosleep, clock_nanosleep, futex
  ...[61, 247, 43, 45], // wait4, waitid, accept, recvfrom
]);

/** Threads to try, the most harmless first. */
function candidates(process: Process): Thread[] {
  const rank = ({ tid, state }: Thread): number => {
    if (state === 'S') return HARMLESS.has(process.blockedSyscall(tid)) ? 0 : 1;
    return state === 'R' ? 2 : 3;
  };
  return process
    .threads()
    .filter(({ state }) => !'ZXxT'.includes(state))
    .map((thread) => ({ thread, rank: rank(thread) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ thread }) => thread);
}

/** Threads that did not stop in time: they cannot be let go before they do. */
const unstoppable = new Set<Tracee>();

/** Lets go those that have stopped since. Ending this program frees the rest. */
export function releaseLateStops(): void {
  for (const tracee of unstoppable) {
    try {
      const stop = tracee.waitForStop(0);
      if (!stop) continue;
      tracee.detach(stop.kind === 'signal' ? stop.signal : 0);
    } catch {
      // It has ended.
    }
    unstoppable.delete(tracee);
  }
}

/**
 * Has the helper started for the request of this state word.
 * @param state sequence << 8 | requested
 * @returns false when no thread could be borrowed in time: nobody was disturbed
 * @throws UlpError process-missing, process-traced, process-denied, patch-refused (clone failed)
 */
export function launchHelper(
  process: Process,
  control: abi.UlpControl,
  state: bigint,
  deadline: number,
): boolean {
  do {
    for (const { tid } of candidates(process)) {
      if (borrow(process, control, state, tid)) return true;
      if (now() >= deadline) return false;
    }
    process.assertAlive();
  } while (now() < deadline);
  return false;
}

/** @returns false when this thread would not do */
function borrow(process: Process, control: abi.UlpControl, state: bigint, tid: Tid): boolean {
  let tracee: Tracee;
  try {
    tracee = Tracee.seize(tid);
  } catch (error) {
    if (error instanceof UlpError && error.code === 'process-missing') return false;
    throw error;
  }
  try {
    if (!stop(tracee)) return false;
    const registers = resumable(tracee.getRegs());
    const rip = registers.get('rip');
    const inGadget = rip >= control.gadget && rip < control.gadget_end;
    if (registers.get('cs') !== USER_CS_64 || inGadget) return false;
    sendIntoGadget(process, control, state, tracee, registers);
    return true;
  } catch (error) {
    // A thread that ends under our hands is no reason to give up; anything else is.
    if (error instanceof UlpError && error.code === 'process-missing') return false;
    throw error;
  } finally {
    if (!unstoppable.has(tracee)) tracee.detach();
  }
}

/** @returns false when it does not stop, or is stopped with the whole process */
function stop(tracee: Tracee): boolean {
  tracee.interrupt();
  for (;;) {
    const event = tracee.waitForStop(STOP_MS);
    switch (event?.kind) {
      case undefined:
        unstoppable.add(tracee);
        return false;
      case 'interrupted':
        return true;
      case 'signal': // let it be delivered, then ask again
        tracee.cont(event.signal);
        tracee.interrupt();
        break;
      default:
        return false;
    }
  }
}

/** What the thread needs to go on by itself: its registers, as the kernel would restart them. */
function resumeFrame(registers: Registers, mask: bigint): Uint8Array {
  let rax = registers.signed('rax');
  let rip = registers.get('rip');
  let restart = 0n;
  const number = registers.signed('orig_rax');
  const code = rax;
  if (number >= 0n) {
    if (code === ERESTART.SYS || code === ERESTART.NOINTR || code === ERESTART.NOHAND) rax = number;
    if (code === ERESTART.RESTARTBLOCK) rax = NR.restart_syscall;
    if (rax !== code) rip -= SYSCALL_SIZE;
    if (code === ERESTART.SYS || code === ERESTART.NOHAND) restart = -code;
  }
  const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
  const get = registers.get.bind(registers);
  return abi.ulp_resume_frame.encode({
    mask,
    restart,
    r15: get('r15'),
    r14: get('r14'),
    r13: get('r13'),
    r12: get('r12'),
    r11: get('r11'),
    r10: get('r10'),
    r9: get('r9'),
    r8: get('r8'),
    rbp: get('rbp'),
    rdi: get('rdi'),
    rsi: get('rsi'),
    rdx: get('rdx'),
    rcx: get('rcx'),
    rbx: get('rbx'),
    rax: u64(rax),
    eflags: get('eflags'),
    rip,
  });
}

function sendIntoGadget(
  process: Process,
  control: abi.UlpControl,
  state: bigint,
  tracee: Tracee,
  registers: Registers,
): void {
  // First of all: should this program die now, the kernel decides about EINTR as it should.
  tracee.setRegs(registers);
  const mask = tracee.getSigmask();
  const frame = remoteAddress(registers.get('rsp') - RED_ZONE - BigInt(abi.ulp_resume_frame.size));
  process.memory.write(frame, resumeFrame(registers, mask), 'stack of the borrowed thread');
  const launched = (state & ~0xffn) | BigInt(abi.STATE.launched);
  const gadget = registers.with({
    rip: control.gadget,
    rsp: frame,
    rax: state,
    orig_rax: -1n,
    eflags: registers.get('eflags') & ~DF_TF,
    rdi: BigInt(control.clone_flags),
    rsi: control.helper_stack,
    rdx: 0n,
    r10: control.tid_address,
    r8: control.helper_tls,
    r9: launched,
  });
  tracee.setSigmask(mask); // drops a temporary mask of sigsuspend or ppoll
  tracee.setRegs(gadget);
  // After the registers: a thread whose mask alone was changed would stay deaf if this program died.
  tracee.setSigmask(ALL_SIGNALS);
  const outcome = runGadget(tracee);
  tracee.setSigmask(mask);
  tracee.setRegs(registers);
  tracee.detach();
  if (outcome !== undefined && outcome < 0n) cloneFailed(process, control, state, outcome);
}

/** @returns what clone returned; undefined: the state had changed, so it was not called */
function runGadget(tracee: Tracee): bigint | undefined {
  tracee.syscall();
  for (let stops = 0; ;) {
    const event = tracee.waitForStop(GADGET_MS);
    switch (event?.kind) {
      case undefined:
        unstoppable.add(tracee);
        throw new UlpError('timed-out', {
          subject: `thread ${tracee.tid}`,
          fact: 'it does not come out of the gadget; it goes on by itself',
        });
      case 'exited':
      case 'killed':
        throw new UlpError('process-missing', { subject: `thread ${tracee.tid}` });
      case 'signal':
        if (event.signal !== SIGSTOP) return -1n; // a fault: a filter that kills, a stack that ended
        tracee.syscall(event.signal); // cannot be blocked: let the group stop begin, carry on
        break;
      case 'group':
      case 'interrupted':
        tracee.syscall();
        break;
      case 'syscall': {
        if (++stops % 2 === 1) {
          tracee.syscall();
          break;
        }
        const registers = tracee.getRegs();
        if (registers.signed('rax') !== ERESTART.NOINTR)
          return registers.get('orig_rax') === NR.clone ? registers.signed('rax') : undefined;
        tracee.syscall(); // broken off by a group stop before it did anything
      }
    }
  }
}

/** The gadget's own repair does not run, because the registers were restored: do it for it. */
function cloneFailed(
  process: Process,
  control: abi.UlpControl,
  state: bigint,
  result: bigint,
): never {
  const { memory } = process;
  memory.write(remoteAddress(control.tid_address), Buffer.alloc(4), 'tid word');
  process.assertAlive();
  throw new UlpError('patch-refused', {
    subject: process.subject,
    fact: 'the helper could not be started',
    found: `clone(2) failed with errno ${-result}`,
    detail: `request ${state >> 8n} was dropped; nothing was changed`,
  });
}
