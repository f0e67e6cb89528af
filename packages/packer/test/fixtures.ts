/** Libraries for tests, compiled by gcc: live-patchable ones, patches, and what is neither. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyEdits, ElfFile, planGate } from '@ulp/elf';
import { cflags, ldflags } from '@ulp/runtime';
import { outputOf } from '../../../test-targets/harness/programs.cjs';

const TARGET = `
static __attribute__((noinline)) int hidden(int x) { return x * 3 + 1; }
static __attribute__((noinline)) int twin(int x) { return x * 5 + 1; }
int answer(int x) { return hidden(x) + twin(x); }
int other(int x) { return x - 1; }
extern int alias(int) __attribute__((alias("other")));
static int (*resolve(void))(int) { return other; }
int chosen(int) __attribute__((ifunc("resolve")));
int datum = 5;
int old_version(int x) { return x + 10; }
int new_version(int x) { return x + 11; }
int gone_version(int x) { return x + 12; }
__asm__(".symver old_version,ver@V1\\n.symver new_version,ver@@V2\\n.symver gone_version,gone@V1\\n");
__asm__(".globl bare\\n.type bare,@function\\nbare: mov %edi,%eax\\nret\\n.size bare,.-bare\\n");
int _ZN3lib3addEii(int a, int b) { return a + b; }
int cloned(int x) { return x + 20; }
int variant(int x) __asm__("cloned.constprop.0");
int variant(int x) { return x + 21; }
int only_variant(int x) __asm__("split.part.0");
int only_variant(int x) { return x + 22; }
extern int puts(const char *);
int say(void) { return puts("x"); }
`;
const TWIN = `
static __attribute__((noinline)) int twin(int x) { return x * 7 + 2; }
int second(int x) { return twin(x); }
`;
const VERSIONS = `
V1 { global: ver; gone; answer; other; alias; chosen; datum; bare; cloned; say; second; _ZN3lib3addEii;
     local: *; };
V2 { } V1;
`;
const PATCH = `
int new_answer(int x) { return 42 + x; }
int new_other(int x) { return 43 + x; }
static __attribute__((noinline, used)) int new_hidden(int x) { return 44 + x; }
int new_datum = 1;
static int (*resolve(void))(int) { return new_other; }
int new_chosen(int) __attribute__((ifunc("resolve")));
`;

export class Fixtures {
  readonly room = mkdtempSync(join(tmpdir(), 'ulp-packer-'));
  /** Gated. */
  readonly target = this.compile('libtarget.so.1', [TARGET, TWIN], {
    gate: true,
    flags: [
      `-Wl,--version-script=${this.write('versions', VERSIONS)}`,
      '-Wl,-soname,libtarget.so.1',
    ],
  });
  readonly stripped = this.strip('libstripped.so');
  /** Another gated library. */
  readonly second = this.compile('libsecond.so', ['int two(int x) { return x + 2; }'], {
    gate: true,
  });
  readonly patch = this.compile('patch.so', [PATCH]);

  write(name: string, content: string | Uint8Array): string {
    const path = join(this.room, name);
    writeFileSync(path, content);
    return path;
  }

  /**
   * @param gate compiled and linked as live-patchable; `linked`: but not passed through the gate
   */
  compile(
    name: string,
    sources: readonly string[],
    { gate = false, flags = [] }: { gate?: boolean | 'linked'; flags?: readonly string[] } = {},
  ): string {
    const path = join(this.room, name);
    const files = sources.map((source, i) => this.write(`${name}.${i}.c`, source));
    const shared = flags.includes('-c') || flags.includes('-pie') ? [] : ['-shared'];
    const own = gate ? [...cflags, ...ldflags()] : ['-Wl,--build-id'];
    outputOf('gcc', ['-O2', '-fPIC', ...shared, ...files, ...own, ...flags, '-o', path]);
    if (gate === true) {
      const elf = ElfFile.read(path);
      writeFileSync(path, applyEdits(elf, planGate(elf).edits));
    }
    return path;
  }

  private strip(name: string): string {
    const path = join(this.room, name);
    outputOf('strip', ['-o', path, this.target]);
    return path;
  }

  /** A description of one target; `pairs` are its lines. */
  describe(...pairs: readonly string[]): string {
    return this.write('fix.dsc', [this.patch, `@${this.target}`, ...pairs, ''].join('\n'));
  }

  lines(...lines: readonly string[]): string {
    return this.write('fix.dsc', `${lines.join('\n')}\n`);
  }

  remove(): void {
    rmSync(this.room, { recursive: true });
  }
}
