import { abi, abiHeader } from '../src';
import { outputOf } from '../../../test-targets/harness/programs.cjs';

test('C agrees on every offset and size: the header compiles and its assertions hold', () => {
  outputOf('gcc', ['-std=gnu11', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', '-x', 'c', '-'], {
    input: abiHeader(),
  });
});

test('assembly can read the header', () => {
  const out = outputOf('gcc', ['-E', '-P', '-x', 'assembler-with-cpp', '-'], {
    input: `${abiHeader()}\nULP_TLS__UNIVERSE ULP_CONTROL__UNIVERSE ULP_SLOT_STRIDE`,
    encoding: 'utf8',
  });
  expect(out.trim()).toBe('8 64 0x40');
});

test('parts of the padding do not overlap, and jumps reach', () => {
  const { before, trampoline, trampolineSize, selector, selectorSize, chainJump, chainJumpSize } =
    abi.PADDING;
  expect(trampoline + trampolineSize).toBeLessThanOrEqual(selector);
  expect(selector + selectorSize).toBeLessThanOrEqual(chainJump);
  expect(chainJump + chainJumpSize).toBeLessThanOrEqual(before);
  // jmp rel8 from behind the entry instruction, with endbr64 in front of it
  expect(before - selector + 4 + 2).toBeLessThanOrEqual(128);
});

test('what threads write and what tools write lie in different cache lines', () => {
  const line = (offset: number): number => Math.floor(offset / 64);
  const { offset } = abi.ulp_control;
  expect(line(offset.universe)).not.toBe(line(offset.state));
  expect(line(offset.universe)).not.toBe(line(offset.magic));
  expect(offset.universe % 64).toBe(0);
});
