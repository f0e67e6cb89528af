import { classifyStop } from '../src/ptrace/stop';
import { Registers, resumable, user_regs_struct } from '@ulp/ptrace-ffi/borrowing';

test.each([
  [0x0300, { kind: 'exited', code: 3 }],
  [0x0009, { kind: 'killed', signal: 9 }],
  [0x008b, { kind: 'killed', signal: 11 }],
  [0x857f, { kind: 'syscall' }],
  [0x057f, { kind: 'signal', signal: 5 }],
  [0x0a7f, { kind: 'signal', signal: 10 }],
  [0x80057f, { kind: 'interrupted' }],
  [0x04057f, { kind: 'executed' }],
  [0x80137f, { kind: 'group', signal: 19 }],
])('wait status 0x%s', (status, stop) => {
  expect(classifyStop(status)).toEqual(stop);
});

describe('registers', () => {
  const zero = new Registers(new Uint8Array(user_regs_struct.size));

  test('are laid out as <sys/user.h> says', () => {
    expect(user_regs_struct.size).toBe(216);
    expect(user_regs_struct.offset).toMatchObject({
      rax: 80,
      orig_rax: 120,
      rip: 128,
      rsp: 152,
      fs_base: 168,
    });
  });

  test('changes make a copy', () => {
    const changed = zero.with({ orig_rax: -1n, rip: 0x1234n });
    expect([changed.get('orig_rax'), changed.signed('orig_rax'), changed.get('rip')]).toEqual([
      0xffff_ffff_ffff_ffffn,
      -1n,
      0x1234n,
    ]);
    expect(zero.bytes.every((b) => b === 0)).toBe(true);
  });

  test.each([
    [{ rax: -4n, orig_rax: 232n }, -514n],
    [{ rax: -4n, orig_rax: -1n }, -4n],
    [{ rax: -516n, orig_rax: 35n }, -516n],
    [{ rax: 0n, orig_rax: 0n }, 0n],
  ])('resumable %j', (changes, rax) => {
    expect(resumable(zero.with(changes)).signed('rax')).toBe(rax);
  });
});
