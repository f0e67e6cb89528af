/** No API: what the fuzzer looks at inside of this package. Any version may change it. */
export { isSixtyFourBit, parseAuxv } from './auxv';
export { notesAt, parseHeaders } from './elf-in-memory';
export { parseMounts } from './file-systems';
export { parseExecStart, parseRunTime } from './run-clock';
export { parseStat } from './stat';
export { numbers, parseStatus } from './status';
export { parseAsleep } from './threads';
