/** Other processes: look into them without stopping them. What borrows a thread: borrowing.ts. */
export { openProcess, Process, type OpenOptions } from './process';
export { Memory } from './proc/memory';
export { mappingAt, parseMaps, type Mapping } from './proc/maps';
export { type Asleep, type Thread } from './proc/threads';
export { listPids } from './proc/pids';
export { ImageCache, type Image } from './images/images';
export { type LoadedNote } from './images/elf-in-memory';
export { type LinkMapEntry } from './images/link-map';
export {
  placeDocument,
  placeText,
  Symbolizer,
  type CodePlace,
  type PlaceDocument,
} from './images/symbolizer';
export { findRuntime, runtimeNote, type Runtime } from './runtime/runtime';
export { type Patch } from './runtime/patches';
export { liveLibraries, type LiveLibrary } from './runtime/live-libraries';
export { readUniverses, type Claim, type ThreadClaims, type Universes } from './runtime/claims';
export { inspect, runtimeProblems, type Inspection } from './runtime/inspection';
export { readCallSite } from './runtime/call-site';
export { scanStack, type StackScan } from './runtime/stack-scan';
export { now } from './sleep';
