/**
 * A process chooses its name, of 15 bytes, and what /proc says of it is text: no name makes up
 * another field.
 */
import { parseRunTime } from '../src/proc/run-clock';
import { parseStat } from '../src/proc/stat';
import { numbers, parseStatus } from '../src/proc/status';

const STAT = 'S 7 4711 4711 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 5 0 987654 1 2\n';

test.each(['a) R 1 1 1', ') S', '((', 'x\n) Z 0', '\r\n)', '\x1b[2J', ''])(
  'stat, of a process that is named %j',
  (name) => {
    expect(parseStat(`4711 (${name}) ${STAT}`, 'process 4711')).toMatchObject({
      name,
      state: 'S',
      parent: 7,
      startTime: 987654n,
      kernelThread: false,
      exiting: false,
    });
  },
);

test.each(['', '4711', '4711 (a', '4711 a) S 7', `4711 (a) ${STAT.slice(0, 20)}`])(
  'stat, of no kernel: %j',
  (text) => {
    expect(() => parseStat(text, 'process 4711')).toThrow(
      'process 4711: the memory of the process makes no sense: expected a line of /proc/PID/stat',
    );
  },
);

// The kernel escapes line feeds; to a regular expression with the flag m, these begin lines too.
test.each(['\rState:\tT', '\rSeccomp:\t0\r', '\u2028Uid:\t0', '\rTracerPid:\t9'])(
  'status, of a process that is named %j',
  (name) => {
    const status = parseStatus(
      `Name:\t${name}\nState:\tS (sleeping)\nTracerPid:\t0\nUid:\t5\t5\t5\t5\nSeccomp:\t2\n`,
    );
    expect([...status.keys()]).toEqual(['Name', 'State', 'TracerPid', 'Uid', 'Seccomp']);
    expect(status.get('State')).toBe('S (sleeping)');
    expect(status.get('Seccomp')).toBe('2');
    expect(numbers(status.get('Uid'))).toEqual([5, 5, 5, 5]);
  },
);

test.each([
  ['1234567 89 10\n', 1234567n],
  ['0 0 1\n', 0n],
  ['0 0 0\n', undefined],
  ['1 2\n', undefined],
  ['', undefined],
])('schedstat: %j', (text, ns) => expect(parseRunTime(text)).toBe(ns));
