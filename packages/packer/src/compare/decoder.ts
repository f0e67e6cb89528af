/**
 * Machine code to instructions: where each begins, and which of its bytes say where things lie. The
 * decoder is iced-x86 (WebAssembly, no native code), loaded when the first function is decoded.
 */
import type * as Iced from 'iced-x86';

export interface Instruction {
  /** In bytes from the start of the function. */
  readonly offset: number;
  readonly size: number;
  /**
   * Its bytes without those that depend on where things lie; of a branch, what it does, in whatever
   * length.
   */
  readonly form: string;
  /** Padding: it does nothing. */
  readonly isNop: boolean;
  /** Link address that a direct branch goes to. */
  readonly branch: number | undefined;
  /** Link address that an operand relative to the instruction names. */
  readonly address: number | undefined;
  /** Bytes read or written at `address`; 0: the address itself is taken. */
  readonly accessed: number;
  /** A jump to what was computed, perhaps out of a table. */
  readonly isComputedJump: boolean;
  /**
   * A constant that is put into a register or into memory, as line numbers are when they are passed
   * on.
   */
  readonly constant: number | undefined;
  /** It takes from the stack. */
  readonly isPop: boolean;
  /** Where it goes on: behind itself, or elsewhere (a call, a jump), or there perhaps. */
  readonly flow: 'next' | 'leaves' | 'conditional' | 'returns';
}

/** Bytes of code, and the link address of the first one. */
export class Decoder {
  private readonly iced = loadIced();
  private readonly decoder: Iced.Decoder;
  private readonly instruction: Iced.Instruction;

  constructor(
    private readonly code: Buffer,
    private readonly start: number,
  ) {
    const { Decoder: Implementation, DecoderOptions, Instruction: Current } = this.iced;
    this.decoder = new Implementation(64, code, DecoderOptions.None);
    this.instruction = new Current();
  }

  /** The instructions of a function; the last one may reach over its end. */
  decode(address: number, size: number): Instruction[] {
    const found: Instruction[] = [];
    const from = address - this.start;
    this.decoder.position = from;
    this.decoder.ip = BigInt(address);
    const end = Math.min(from + size, this.code.length);
    for (let at = from; at < end;) {
      this.decoder.decodeOut(this.instruction);
      const { length } = this.instruction;
      found.push(this.describe(at, at - from, length));
      at += length;
    }
    return found;
  }

  /** Gives the decoder's memory back. */
  free(): void {
    this.instruction.free();
    this.decoder.free();
  }

  private describe(at: number, offset: number, size: number): Instruction {
    const { Mnemonic, OpKind, FlowControl, MemorySizeExt } = this.iced;
    const { instruction } = this;
    const { mnemonic, flowControl } = instruction;
    const isBranch = instruction.opCount > 0 && instruction.op0Kind === OpKind.NearBranch64;
    const isRelative = !isBranch && instruction.isIpRelMemoryOperand;
    const isLoad = mnemonic === Mnemonic.Mov || mnemonic === Mnemonic.Push;
    let constant: number | undefined;
    let form: string;
    if (isBranch) form = `branch ${mnemonic as number}`;
    else if (!isRelative && !isLoad) form = this.code.toString('latin1', at, at + size);
    else {
      const where = this.decoder.getConstantOffsets(instruction);
      const holes: Hole[] = [];
      if (isRelative) holes.push([where.displacementOffset, where.displacementSize]);
      const { immediateOffset, immediateSize } = where;
      if (isLoad && where.hasImmediate && immediateSize <= 4) {
        constant = this.code.readIntLE(at + immediateOffset, immediateSize);
        holes.push([immediateOffset, immediateSize]);
      }
      where.free();
      const isShort = mnemonic === Mnemonic.Push && constant !== undefined;
      form = isShort ? 'push' : this.without(at, size, holes);
    }
    return {
      offset,
      size,
      form,
      isNop: mnemonic === Mnemonic.Nop,
      branch: isBranch ? Number(instruction.nearBranchTarget) : undefined,
      address: isRelative ? Number(instruction.ipRelMemoryAddress) : undefined,
      accessed:
        isRelative && mnemonic !== Mnemonic.Lea ? MemorySizeExt.size(instruction.memorySize) : 0,
      isComputedJump: flowControl === FlowControl.IndirectBranch,
      flow: flowOf(this.iced, flowControl),
      isPop: mnemonic === Mnemonic.Pop,
      constant,
    };
  }

  private without(at: number, size: number, holes: readonly Hole[]): string {
    let form = '';
    let from = at;
    for (const [offset, length] of holes) {
      form += `${this.code.toString('latin1', from, at + offset)}_`;
      from = at + offset + length;
    }
    return form + this.code.toString('latin1', from, at + size);
  }
}

function flowOf({ FlowControl }: typeof Iced, flow: Iced.FlowControl): Instruction['flow'] {
  if (flow === FlowControl.Next) return 'next';
  if (flow === FlowControl.Return) return 'returns';
  return flow === FlowControl.ConditionalBranch ? 'conditional' : 'leaves';
}

/** Offset and size in bytes. */
type Hole = readonly [number, number];

function loadIced(): typeof Iced {
  // Loaded here because most runs decode nothing, and it takes as long as all the rest.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return require('iced-x86') as typeof Iced;
}
