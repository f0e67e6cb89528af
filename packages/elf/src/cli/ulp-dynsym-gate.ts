import { defineCommand, message, print, printJson } from '@ulp/cli';
import { EXIT, printable, writeFileAtomic } from '@ulp/core';
import { addSymbols } from '../add-symbols';
import { ElfFile } from '../elf-file';
import { planGate, type GatePlan } from '../gate/plan';
import { applyEdits } from '../rewrite';

const NAME = 'ulp-dynsym-gate';

const REASONS: Readonly<Record<keyof GatePlan['uncovered'], string>> = {
  noPadding: 'not tracked and not patchable: no padding before it (assembly, or a C++ thunk?)',
  ifunc: 'not tracked and not patchable: an IFUNC',
  returnsTwice: 'not tracked and not patchable: it returns twice',
};

function report(library: string, { uncovered }: GatePlan): void {
  for (const [reason, text] of Object.entries(REASONS))
    for (const name of uncovered[reason as keyof typeof uncovered])
      message(NAME, `${printable(library)}: ${printable(name)}: ${text}`);
}

export const command = defineCommand({
  name: NAME,
  summary: "route a linked library's exported functions through entry tracking",
  description: [
    'Makes a shared library live-patchable that was compiled with the flags of ulp-runtime cflags and linked with those of ulp-runtime ldflags: writes a trampoline into the padding before every function, and lets the dynamic symbols and every address that the library takes of a function lead there.',
    'Works in place without -o. What is loaded keeps its layout: strip, objcopy and debuggers keep working. Run again it changes nothing and says so. Exported functions that cannot be covered are named on standard error; they keep working as before.',
  ],
  positionals: { lib: { kind: 'string', meaning: 'the shared library' } },
  options: {
    output: { kind: 'string', alias: 'o', value: 'FILE', meaning: 'write the result to FILE' },
    json: { kind: 'boolean', meaning: 'print a JSON document (ulp-dynsym-gate/1)' },
  },
  examples: [{ command: 'ulp-dynsym-gate libx.so.1.2', meaning: 'gate a library in place' }],
  seeAlso: ['ulp-runtime(1)', 'ulp-packer(1)'],
  run({ lib, output, json }) {
    const elf = ElfFile.read(lib);
    const plan = planGate(elf);
    const file = output ?? lib;
    if (!plan.isGated || file !== lib)
      writeFileAtomic(file, addSymbols(elf, applyEdits(elf, plan.edits), plan.names), 0o755);
    report(lib, plan);
    const { isGated, functions, symbols, pointers, uncovered } = plan;
    if (json)
      printJson({
        schema: 'ulp-dynsym-gate/1',
        library: lib,
        output: file,
        changed: !isGated,
        functions,
        symbols,
        pointers,
        uncovered,
      });
    else if (isGated) print(`${printable(lib)}: gated already, nothing changed`);
    else
      print(
        `${printable(file)}: ${functions} functions live-patchable, ${symbols} exported symbols and ${pointers} pointers led to their trampolines`,
      );
    return EXIT.done;
  },
});
