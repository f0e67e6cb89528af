/**
 * What it takes to borrow a thread of another process: for @ulp/trigger alone. No API: any version
 * may change it.
 */
export { libc } from './native';
export { traced } from './proc/denial';
export { lockProcess, type ProcessLock } from './proc/process-lock';
export { readRunClock, readRunTime, type RunClock } from './proc/run-clock';
export { type SocketQuestion, type SocketSide } from './proc/ask-socket';
export { readSocketLink, socketTimeOuts } from './proc/socket-time-outs';
export { readStatus } from './proc/status';
export { SYSCALL, syscallName, type SyscallName } from './proc/syscalls';
export { catchesSigsys, isSameCall, tracerOf } from './proc/threads';
export { executed, seize } from './ptrace/live-tracee';
export { practisingTracee } from './ptrace/practising-tracee';
export { Registers, user_regs_struct, type RegisterName } from './ptrace/registers';
export { findSyscall, remoteSyscall } from './ptrace/remote-syscall';
export { ERESTART, resumable } from './ptrace/restart';
export { ReturnWatch } from './ptrace/return-watch';
export {
  seccompVerdict,
  type SeccompFilter,
  type SeccompVerdict,
  type SystemCall,
} from './ptrace/seccomp';
export { type Stop } from './ptrace/stop';
export { type Tracee } from './ptrace/tracee';
export { checkedUniverse } from './runtime/checked-universe';
export { sleep } from './sleep';
