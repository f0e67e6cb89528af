/**
 * Other processes: look into them without stopping them; borrow one thread of them for a moment.
 */
export { openProcess, Process, type OpenOptions } from './process';
export { Memory } from './memory';
export { mappingAt, parseMaps, type Mapping } from './maps';
export { readStatus } from './status';
export { catchesSigsys, isSameCall, tracerOf, type Asleep, type Thread } from './threads';
export { ImageCache, type Image } from './images';
export { type LoadedNote } from './elf-in-memory';
export { type LinkMapEntry } from './link-map';
export {
  seccompVerdict,
  type SeccompFilter,
  type SeccompVerdict,
  type SystemCall,
} from './seccomp';
export { traced } from './denial';
export { libc, Tracee } from './tracee';
export { type Stop } from './stop';
export { ReturnWatch } from './return-watch';
export { readSocketLink, socketTimeOuts } from './socket-time-outs';
export { type SocketQuestion, type SocketSide } from './ask-socket';
export { SYSCALL, syscallName, type SyscallName } from './syscalls';
export { readRunClock, readRunTime, type RunClock } from './run-clock';
export { Registers, user_regs_struct, type RegisterName } from './registers';
export { findSyscall, remoteSyscall } from './remote-syscall';
export { ERESTART, resumable } from './restart';
export { lockProcess, type ProcessLock } from './process-lock';
export { now, sleep } from './sleep';
export { checkedUniverse } from './checked-universe';
export { findRuntime, runtimeNote, type Runtime } from './runtime';
export { type Patch } from './runtime-patches';
export { liveLibraries, type LiveLibrary } from './live-libraries';
export { readUniverses, type Claim, type ThreadClaims, type Universes } from './claims';
export { listPids } from './pids';
export { inspect, runtimeProblems, type Inspection } from './inspection';
export { readCallSite } from './call-site';
export {
  placeDocument,
  placeText,
  Symbolizer,
  type CodePlace,
  type PlaceDocument,
} from './symbolizer';
export { scanStack, type StackScan } from './stack-scan';
