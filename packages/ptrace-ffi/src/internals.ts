/** No API: what the fuzzer looks at inside of this package. Any version may change it. */
export { isSixtyFourBit, parseAuxv } from './proc/auxv';
export { notesAt, parseHeaders } from './images/elf-in-memory';
export { parseMounts } from './proc/file-systems';
export { parseExecStart, parseRunTime } from './proc/run-clock';
export { parseStat } from './proc/stat';
export { numbers, parseStatus } from './proc/status';
export { parseAsleep } from './proc/threads';
