/**
 * Parsers of a process's memory, on a real process: it maps a file that looks like a program with
 * libpulp.so in it, and each case is written into that file.
 */
import { closeSync, openSync, readFileSync, ftruncateSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fieldsOf } from './corpus.mjs';
import { mutateBytes } from './mutate.mjs';
import { outputOf } from '../harness/programs.cjs';
import { startAsked } from '../harness/asked.cjs';

const require = createRequire(import.meta.url);
const { abi } = require('@ulp/core');
const elf = require('@ulp/elf');
const { openProcess } = require('@ulp/ptrace-ffi');

const BASE = 0x1_0000_0000n;
/** Where things lie in the file; all but the tables of slots are altered. */
const AT = {
  phdrs: 0x40,
  notes: 0x200,
  debug: 0x600,
  maps: 0x680,
  names: 0x800,
  control: 0x1000,
  library: 0x1800,
  blocks: 0x1900,
  records: 0x2000,
  patches: 0x3000,
  end: 0x5000,
  pins: 0x6000,
  slotMap: 0x8000,
  request: 0x9000,
  allRecords: 0x10_0000,
  slots: 0x20_0000,
  size: 0x40_0000,
};
const SLOTS = 8;
/** From ulp_library.global_way to its word. */
const GLOBAL = 0x48;

/** The whole file, and the fields of its first part. @param pid of the process that maps it */
function image(pid) {
  const bytes = Buffer.alloc(AT.size);
  const fields = [];
  const put = (struct, at, value, more = struct) => {
    bytes.set(struct.encode({ ...zero(struct), ...value }), at);
    fields.push(...fieldsOf(more, at));
    return at + struct.size;
  };
  const address = (at) => BASE + BigInt(at);
  put(elf.Elf64_Ehdr, 0, {
    e_ident: Buffer.from('7f454c46020101', 'hex'),
    e_machine: 62,
    e_phoff: 0x40n,
    e_phentsize: 56,
    e_phnum: 2,
  });
  const size = BigInt(AT.size);
  put(elf.Elf64_Phdr, AT.phdrs, { p_type: 1, p_flags: 7, p_filesz: size, p_memsz: size });
  put(elf.Elf64_Phdr, AT.phdrs + 56, {
    p_type: 4,
    p_vaddr: 0x200n,
    p_offset: 0x200n,
    p_filesz: 0x100n,
    p_align: 4n,
  });
  let at = AT.notes;
  const note = (owner, type, size, write) => {
    at = put(elf.Elf64_Nhdr, at, { n_namesz: owner.length + 1, n_descsz: size, n_type: type });
    bytes.write(owner, at);
    at += 4;
    write(at);
    at += size;
  };
  note('GNU', 3, 20, (d) => bytes.fill(0xab, d, d + 20));
  const { ulp_note_library: lib, ulp_note_runtime: run } = abi;
  note('ULP', 2, run.size, (d) =>
    put(run, d, {
      abi: abi.ABI_VERSION,
      control_size: abi.ulp_control.size,
      control: AT.control - d - run.offset.control,
    }),
  );
  note('ULP', 1, lib.size, (d) =>
    put(lib, d, {
      abi: abi.ABI_VERSION,
      gate: 1,
      padding: abi.PADDING.before,
      library: BigInt(AT.library),
    }),
  );
  for (const [i, word] of [1n, address(AT.maps), 0n, 0n, 0n, address(AT.debug + 48)].entries()) {
    bytes.writeBigUInt64LE(word, AT.debug + i * 8);
    fields.push({ at: AT.debug + i * 8, size: 8 });
  }
  for (let i = 0; i < 4; i++) {
    const here = AT.maps + i * 40;
    const next = i < 3 ? address(here + 40) : 0n;
    for (const [k, word] of [
      BASE,
      address(AT.names + i * 16),
      address(0x100),
      next,
      0n,
    ].entries()) {
      bytes.writeBigUInt64LE(word, here + k * 8);
      fields.push({ at: here + k * 8, size: 8 });
    }
    bytes.write(`/lib/lib${i}.so`, AT.names + i * 16);
  }
  put(abi.ulp_control, AT.control, {
    magic: abi.MAGIC.control,
    abi: abi.ABI_VERSION,
    size: abi.ulp_control.size,
    universe: BigInt(abi.UNIVERSE_BASE + 5),
    state: 1n,
    patches_used: 3n,
    gadget: address(0x100),
    gadget_end: address(0x140),
    repeat: address(0x130),
    helper_tls: address(AT.request + 0x800),
    tid_address: address(AT.request + 0x900),
    request: address(AT.request),
    request_size: 0x1000n,
    patches: address(AT.patches),
    slots: address(AT.slots),
    slot_records: address(AT.allRecords),
    slot_map: address(AT.slotMap),
    pins: address(AT.pins),
  });
  put(abi.ulp_library, AT.library, {
    magic: abi.MAGIC.library,
    abi: abi.ABI_VERSION,
    size: abi.ulp_library.size,
    tpoff_way: Buffer.from('488b056000000000', 'hex'),
    entry: address(0x180),
    global_way: GLOBAL,
  });
  // The word that the latter leads to; that of the former is 0.
  bytes.writeBigUInt64LE(
    address(AT.control + abi.ulp_control.offset.universe),
    AT.library + abi.ulp_library.offset.global_way + GLOBAL,
  );
  for (let i = 0; i < SLOTS; i++) {
    const code = address(AT.slots + i * abi.SLOT_STRIDE);
    const tls = AT.blocks + i * abi.ulp_tls.size;
    put(abi.ulp_tls, tls, {
      sp: address(AT.names),
      universe: abi.UNIVERSE_BASE + 4,
      code,
      library: address(AT.library),
    });
    put(abi.ulp_slot, AT.records + i * 64, {
      ret: address(0x150),
      tls: i < 6 ? address(tls) : address(AT.allRecords + i * 64 + abi.ulp_slot.offset.junk_sp),
      junk_sp: i < 6 ? 0n : 1n,
      saved_sp: address(AT.names),
      library: address(AT.library),
      tid: i < 4 ? pid : 1,
      state: i < 6 ? 1 : 3,
    });
  }
  for (let i = 0; i < 3; i++)
    put(abi.ulp_patch, AT.patches + i * abi.ulp_patch.size, {
      id: Buffer.alloc(32, i + 1),
      state: 1,
      universe: BigInt(abi.UNIVERSE_BASE + i + 2),
      dependency_count: 1,
      target_count: 1,
      path: `/p/${i}.so`,
    });
  bytes.writeUInt8((1 << SLOTS) - 1, AT.slotMap);
  return { bytes, fields };
}

const zero = (struct) =>
  Object.fromEntries(
    Object.entries(struct.fields).map(([name, { codec }]) => [
      name,
      codec.get(new DataView(new ArrayBuffer(codec.size)), 0),
    ]),
  );

/** Compiled into a directory, once. */
export function buildPuppet(room) {
  outputOf('gcc', [
    '-O1',
    '-Wl,-z,norelro',
    '-o',
    join(room, 'puppet'),
    join(import.meta.dirname, 'puppet.c'),
  ]);
}

/** @param look what reads the process */
export const fuzzer =
  (look) =>
  async ({ room, worker }) => {
    const file = join(room, `image-${worker}`);
    const fd = openSync(file, 'w+');
    ftruncateSync(fd, AT.size);
    const args = [file, `${BASE}`, `${AT.debug}`];
    const child = await startAsked(join(room, 'puppet'), { args, ready: 'ready' });
    const { bytes, fields } = image(child.pid);
    writeSync(fd, bytes, 0, bytes.length, 0);
    const head = bytes.subarray(0, AT.end);
    return {
      make: (random) => mutateBytes(random, head, fields, { keepLength: true }),
      run(input) {
        writeSync(fd, input, 0, input.length, 0);
        // The records that are looked at lie in a table of 16384.
        writeSync(fd, input, AT.records, SLOTS * 64, AT.allRecords);
        const process = openProcess(child.pid);
        try {
          look(process);
        } finally {
          process.close();
        }
      },
      end() {
        child.input.end();
        closeSync(fd);
      },
      alive: () => readFileSync(`/proc/${child.pid}/stat`, 'latin1').includes(') S '),
    };
  };
