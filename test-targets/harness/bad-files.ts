/** What a name that a user hands over may lead to, when it is not what it should be. */
import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { outputOf } from './programs.cjs';

export interface BadFile {
  readonly title: string;
  readonly path: string;
  readonly fact: RegExp;
  readonly status: 2 | 4;
  /** Only this user gets into trouble. */
  readonly asNobody?: true;
}

const TERA = 2 ** 40;

/** Files that no command can use, whatever it expects, made in a new directory `room`. */
export function badFiles(room: string): BadFile[] {
  mkdirSync(room);
  const at = (name: string): string => join(room, name);
  writeFileSync(at('empty'), '');
  mkdirSync(at('directory'));
  outputOf('mkfifo', [at('fifo')]);
  symlinkSync('loop', at('loop'));
  symlinkSync('nowhere', at('dangling'));
  writeFileSync(at('huge'), '');
  truncateSync(at('huge'), TERA);
  writeFileSync(at('unreadable'), 'x');
  chmodSync(at('unreadable'), 0);
  const bad = (title: string, path: string, fact: RegExp): BadFile => ({
    title,
    path,
    fact,
    status: 2,
  });
  return [
    bad('missing', at('missing'), /missing: no such file$/),
    bad('below a file', at('empty/x'), /empty\/x: no such file$/),
    bad('a dangling link', at('dangling'), /dangling: no such file$/),
    bad('a link to itself', at('loop'), /loop: cannot be read or written: found ELOOP$/),
    bad('a name that is too long', at('n'.repeat(300)), /n: .*found ENAMETOOLONG$/),
    bad('a name that draws', at('\x1b[31m\x07'), /\/\\x1b\[31m\\x07: no such file$/),
    bad('a directory', at('directory'), /directory: not a regular file$/),
    bad('a FIFO', at('fifo'), /fifo: not a regular file$/),
    bad('a device', '/dev/zero', /\/dev\/zero: not a regular file$/),
    bad('empty', at('empty'), /empty: the file is empty$/),
    bad('a terabyte', at('huge'), /huge: the file is too large: expected at most \d+ bytes/),
    {
      title: 'not ours to read',
      path: at('unreadable'),
      fact: /unreadable: permission denied$/,
      status: 4,
      asNobody: true,
    },
  ];
}

/** `bytes` cut off or altered at places all over it, written into the directory `room`. */
export function damaged(room: string, bytes: Buffer): BadFile[] {
  const write = (title: string, content: Uint8Array): BadFile => {
    const path = join(room, title.replaceAll(' ', '-'));
    writeFileSync(path, content);
    return { title, path, fact: new RegExp(`${path}.*: `), status: 2 };
  };
  const cuts = [1, 4, 16, bytes.length >> 1, bytes.length - 1];
  const flips = [0, 8, 40, bytes.length >> 1, bytes.length - 1];
  return [
    ...cuts.map((n) => write(`cut at ${n}`, bytes.subarray(0, n))),
    ...flips.map((n) =>
      write(
        `flipped at ${n}`,
        bytes.map((byte, i) => (i === n ? byte ^ 0x10 : byte)),
      ),
    ),
    write('one byte more', Buffer.concat([bytes, Buffer.of(0)])),
    write('a text', Buffer.from('what is this?\n')),
    write('nothing but zeros', Buffer.alloc(1 << 20)),
  ];
}

/** An ELF file made for another machine: `bytes` with its header altered. */
export function foreign(room: string, bytes: Buffer): BadFile[] {
  const write = (title: string, offset: number, value: number, fact: RegExp): BadFile => {
    const path = join(room, title.replaceAll(' ', '-'));
    const copy = Buffer.from(bytes);
    copy[offset] = value;
    writeFileSync(path, copy);
    return { title, path, fact, status: 2 };
  };
  // Elf64_Ehdr: e_ident[EI_CLASS], e_ident[EI_DATA], e_type, e_machine.
  return [
    write('32 bits wide', 4, 1, /not an ELF file of the supported kind: expected .*64/),
    write('of the other byte order', 5, 2, /not an ELF file of the supported kind: expected /),
    write('an object file', 16, 1, /expected a shared library.*, found .*type 1/),
    write('for aarch64', 18, 183, /not an ELF file of the supported kind: expected .*x86-64/),
  ];
}
