/**
 * The series for ld (toolchain-patches/binutils) makes the same trampolines as the gate, for the
 * same ABI, and that for gcc pads for it: building them takes minutes or hours, and their text is
 * compared in any run.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { abi, linkAddress } from '@ulp/core';
import { padding } from '../src/gate/trampoline';

const SERIES = join(__dirname, '../../../toolchain-patches/binutils');
const text = readFileSync(
  join(SERIES, '0002-x86-64-Live-patching-trampolines-in-.ulp.patch'),
  'utf8',
);
const constant = (name: string): number =>
  Number(new RegExp(`^\\+#define ULP_${name}\\s+(\\w+)$`, 'm').exec(text)?.[1]);

const ldTrampoline = (): number[] => {
  const body = /elf_x86_64_ulp_trampoline\[ULP_TRAMPOLINE_SIZE\] =\n\+\{\n([^}]*)/.exec(text)?.[1];
  const code = (body ?? '').replace(/\/\*.*?\*\//g, '');
  return (code.match(/0x[0-9a-f]{2}|\b0\b/g) ?? []).map(Number);
};

/** The gate's, at addresses that all are 0 from where they count, so that distances are small. */
const gateTrampoline = (): number[] => {
  const at = linkAddress(0x1000n);
  return [...padding(at, { tpoff: { place: at }, library: at, entry: at })].slice(
    0,
    abi.PADDING.trampolineSize,
  );
};

/**
 * Up to the jump to the function itself, which is short in the padding and long elsewhere.
 * @param jump the first bytes of that jump
 */
function skeleton(code: readonly number[], jump: readonly number[]): string {
  const isJump = (i: number): boolean => jump.every((byte, k) => code[i + k] === byte);
  const end = [...code.keys()].filter(isJump).at(-1);
  const shown = code.slice(0, end).map((byte, i) => {
    // Operands that depend on where it lies, and the distances of jumps within it.
    const isOperand = (i >= 7 && i < 11) || (i >= 15 && i < 19);
    const isDistance = i > 19 && [0x75, 0x76, 0x77].includes(code[i - 1] ?? 0);
    return isOperand || isDistance ? '..' : byte.toString(16).padStart(2, '0');
  });
  return shown.join(' ');
}

test('the constants are those of the ABI', () => {
  expect({
    version: constant('ABI_VERSION'),
    padding: constant('PADDING'),
    selector: constant('SELECTOR'),
    entry: constant('ENTRY_SIZE'),
    note: constant('NOTE_SIZE') - constant('NOTE_ABI'),
    noteGate: constant('NOTE_GATE') - constant('NOTE_ABI'),
    notePadding: constant('NOTE_PADDING') - constant('NOTE_ABI'),
    noteLibrary: constant('NOTE_LIBRARY') - constant('NOTE_ABI'),
    tpoff: constant('LIBRARY_TPOFF'),
  }).toEqual({
    version: abi.ABI_VERSION,
    padding: abi.PADDING.before,
    selector: abi.PADDING.selector,
    entry: abi.PADDING.after,
    note: abi.ulp_note_library.size,
    noteGate: abi.ulp_note_library.offset.gate,
    notePadding: abi.ulp_note_library.offset.padding,
    noteLibrary: abi.ulp_note_library.offset.library,
    // Of the number in the instruction there.
    tpoff: abi.ulp_library.offset.tpoff_way + 3,
  });
});

test('-mlive-patchable of the series for gcc pads as the ABI says', () => {
  const patch = readFileSync(join(SERIES, '../gcc/0002-mlive-patchable.patch'), 'utf8');
  expect([...patch.matchAll(/^\+.*value \? "(\d+,\d+)"/gm)].map((m) => m[1])).toEqual([
    `${abi.PADDING.before + abi.PADDING.after},${abi.PADDING.before}`,
  ]);
});

test('the trampoline has the instructions of the gate', () => {
  const ld = ldTrampoline();
  expect(ld).toHaveLength(constant('TRAMPOLINE_SIZE'));
  const [ours, theirs] = [skeleton(gateTrampoline(), [0x75]), skeleton(ld, [0x0f, 0x85])];
  expect(theirs.length).toBeGreaterThan(100);
  expect(theirs).toBe(ours);
});
