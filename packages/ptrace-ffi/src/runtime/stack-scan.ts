/**
 * What a sleeping thread is in the middle of, from its stack's memory alone: words that could be
 * return addresses, because they lie in executable memory after a call instruction. No unwinding:
 * a word that a call of earlier has left looks the same, so the list may name more than
 * there is.
 */
import { abi, remoteAddress, type RemoteAddress, type Tid } from '@ulp/core';
import type { Claim } from './claims';
import type { Process } from '../process';
import type { Runtime } from './runtime';
import type { Symbolizer } from '../images/symbolizer';
import { syscallName } from '../proc/syscalls';
import type { Asleep } from '../proc/threads';

export interface StackScan {
  /** `running`, `in futex`, `asleep` (outside of a system call), `stopped`, `gone`. */
  readonly doing: string;
  /** Where it is and what it may return to, innermost first; empty when it runs. */
  readonly addresses: readonly RemoteAddress[];
  /** Why there may be more, or why there is nothing; undefined when the list is whole. */
  readonly missing: string | undefined;
}

const LIMIT = { bytes: 1 << 20, addresses: 48, turns: 4, probes: 4096 } as const;

/** Looks from the thread's stack pointer up to the claims that it has. Stops nobody. */
export function scanStack(
  runtime: Runtime,
  symbolizer: Symbolizer,
  thread: { readonly tid: Tid; readonly state: string },
  claims: readonly Claim[],
): StackScan {
  const { process } = runtime;
  for (let turn = 0; turn < LIMIT.turns; turn++) {
    const asleep = process.asleep(thread.tid);
    if (!asleep) continue;
    const scan = {
      ...look(runtime, symbolizer, asleep, claims),
      doing: doing(asleep, thread.state),
    };
    const again = process.asleep(thread.tid);
    // It may have woken, run and slept again in between; what is shown then is a mixture.
    if (again?.sp === asleep.sp && again.pc === asleep.pc) return scan;
  }
  const alive = process.threads().some(({ tid }) => tid === thread.tid);
  return alive
    ? { doing: 'running', addresses: [], missing: 'it runs, so its stack changes' }
    : { doing: 'gone', addresses: [], missing: 'it has ended' };
}

function doing({ syscall }: Asleep, state: string): string {
  if (syscall >= 0) return `in ${syscallName(syscall)}`;
  return state === 'T' || state === 't' ? 'stopped' : 'asleep';
}

function look(
  runtime: Runtime,
  symbolizer: Symbolizer,
  { sp, pc }: Asleep,
  claims: readonly Claim[],
): Omit<StackScan, 'doing'> {
  if (claims.every(({ slot }) => slot === 'limbo' || slot === 'contested'))
    return { addresses: [pc], missing: 'its call is suspended, so its frames are not known' };
  const stack = symbolizer.mapping(sp);
  const top = stack && claims.map((c) => claimTop(c, sp, stack.end)).reduce(max, 0n);
  if (top === undefined || top === 0n)
    return { addresses: [pc], missing: 'it is on another stack than its call' };
  const size = Number(top - sp);
  const bytes = runtime.process.memory.tryRead(sp, Math.min(size, LIMIT.bytes));
  if (!bytes) return { addresses: [pc], missing: 'its stack cannot be read' };
  const { addresses, isWhole } = returnAddresses(runtime, symbolizer, bytes);
  const found = addresses.filter((a) => !isOurs(a, claims));
  const cut = size > bytes.length || found.length > LIMIT.addresses || !isWhole;
  return {
    addresses: [pc, ...found.slice(0, LIMIT.addresses)],
    missing: cut ? 'there is more than is shown' : undefined,
  };
}

/** Up to where the call's frames reach; 0: they are not above sp on this stack. */
function claimTop({ sp, pinned, slot }: Claim, from: bigint, stackEnd: bigint): bigint {
  if (pinned) return stackEnd;
  return slot === 'used' && sp >= from && sp < stackEnd ? sp : 0n;
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** Not shorter than __ulp_entry, in bytes; no call of the library's is so near after it. */
const OWN_ROUTINE = 256n;

/**
 * What the entry of a library calls (trm.S) is over before the call begins, but its words
 * stay there.
 */
function isOurs(address: bigint, claims: readonly Claim[]): boolean {
  return claims.some(({ library: { descriptor } }) => {
    if (!descriptor) return false;
    return address >= descriptor.entry && address < descriptor.entry + OWN_ROUTINE;
  });
}

/** @returns isWhole: all of the stack was looked at */
function returnAddresses(
  runtime: Runtime,
  symbolizer: Symbolizer,
  stack: Buffer,
): { readonly addresses: readonly RemoteAddress[]; readonly isWhole: boolean } {
  const { process } = runtime;
  const { slots, slot_records } = runtime.readControl();
  const found: RemoteAddress[] = [];
  /** Words that are code, or another library's claim: each takes a read. */
  let probes: number = LIMIT.probes;
  for (let at = 0; at + 8 <= stack.length; at += 8) {
    if (found.length > LIMIT.addresses || probes <= 0) return { addresses: found, isWhole: false };
    let word = stack.readBigUInt64LE(at);
    // Another library's claim: its record has the address.
    const k = word >= slots ? (word - slots) / BigInt(abi.SLOT_STRIDE) : -1n;
    if (k >= 0n && k < BigInt(abi.SLOT_COUNT)) {
      probes--;
      const ret = slot_records + k * BigInt(abi.ulp_slot.size) + BigInt(abi.ulp_slot.offset.ret);
      word = process.memory.tryRead(remoteAddress(ret), 8)?.readBigUInt64LE() ?? 0n;
    }
    if (!symbolizer.isExecutable(word)) continue;
    probes--;
    if (followsCall(process, word)) found.push(remoteAddress(word));
  }
  return { addresses: found, isWhole: true };
}

/** Is there a call instruction right before it: e8 rel32, or ff /2 with any operand? */
function followsCall({ memory }: Process, address: bigint): boolean {
  const before = memory.tryRead(remoteAddress(address - 7n), 7);
  if (!before) return false;
  if (before[2] === 0xe8) return true;
  for (let length = 2; length <= 7; length++) {
    const modrm = before[7 - length + 1] ?? 0;
    if (before[7 - length] !== 0xff || ((modrm >> 3) & 7) !== 2) continue;
    if (length === indirectCallLength(modrm, before[7 - length + 2] ?? 0)) return true;
  }
  return false;
}

/** In bytes, of ff /2 with this ModRM byte and the one after it. */
function indirectCallLength(modrm: number, sib: number): number {
  const mod = modrm >> 6;
  const rm = modrm & 7;
  if (mod === 3) return 2;
  const withSib = rm === 4 ? 1 : 0;
  if (mod === 1) return 3 + withSib;
  if (mod === 2) return 6 + withSib;
  if (rm === 5) return 6;
  return withSib && (sib & 7) === 5 ? 7 : 2 + withSib;
}
