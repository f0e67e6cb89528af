/** What the kernel would do with an interrupted system call, and what the frame makes of it. */
import { abi, ByteView } from '@ulp/core';
import { Registers, user_regs_struct, type RegisterName } from '@ulp/ptrace-ffi/borrowing';
import { resumeFrame } from '../src/borrow/resume-frame';

const NAMES = Object.keys(user_regs_struct.offset) as RegisterName[];
/** Every register has a value of its own. */
const distinct = new Registers(new Uint8Array(user_regs_struct.size)).with(
  Object.fromEntries(NAMES.map((name, i) => [name, 0x1111_0000_0000_0000n + BigInt(i)])),
);
const TOKEN = 0x1234_5678_9abc_def0n;
const RIP = 0x7fff_1234n;
const bytesOf = (rax: bigint, orig_rax: bigint) =>
  new ByteView(
    resumeFrame(distinct.with({ rax, orig_rax, rip: RIP }), 0xabcdn, TOKEN),
    'frame',
    'defect',
  );
const frameOf = (rax: bigint, orig_rax: bigint) =>
  abi.ulp_resume_frame.read(bytesOf(rax, orig_rax), abi.TOKEN_BYTES);

const EPOLL_WAIT = 232n;
test.each([
  // code in rax, rax afterwards, rip afterwards, code for the gadget's tail
  ['result', 5n, 5n, RIP, 0n],
  ['error', -22n, -22n, RIP, 0n],
  ['ERESTARTSYS', -512n, EPOLL_WAIT, RIP - 2n, 512n],
  ['ERESTARTNOINTR', -513n, EPOLL_WAIT, RIP - 2n, 0n],
  ['ERESTARTNOHAND', -514n, EPOLL_WAIT, RIP - 2n, 514n],
  ['ERESTART_RESTARTBLOCK', -516n, 219n, RIP - 2n, 0n],
])('%s', (_, code, rax, rip, restart) => {
  const frame = frameOf(code, EPOLL_WAIT);
  expect(frame).toMatchObject({ rax: BigInt.asUintN(64, rax), rip, restart, mask: 0xabcdn });
});

test('outside a system call, a number that looks like a code is a number', () => {
  expect(frameOf(-512n, -1n)).toMatchObject({
    rax: BigInt.asUintN(64, -512n),
    rip: RIP,
    restart: 0n,
  });
});

test('every other register keeps its value', () => {
  const frame: Record<string, bigint> = frameOf(0n, -1n);
  for (const [name, value] of Object.entries(frame))
    if (!['rax', 'rip', 'mask', 'restart'].includes(name))
      expect([name, value]).toEqual([name, distinct.get(name as RegisterName)]);
});

test('the token lies below it', () => {
  const { data, length } = bytesOf(0n, -1n);
  expect(data.getBigUint64(0, true)).toBe(TOKEN);
  expect(length).toBe(abi.TOKEN_BYTES + abi.ulp_resume_frame.size);
});

test('its place: 280 bytes below rsp, the return address right below the red zone', () => {
  expect(abi.ulp_resume_frame.size + 128).toBe(280);
  expect(280 - abi.ulp_resume_frame.offset.rip).toBe(136);
});
