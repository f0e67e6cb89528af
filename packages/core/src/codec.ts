/**
 * Byte codecs, declared once: a field is a codec and its meaning; a struct is a list of fields in
 * file order. Reader, writer, C declaration and TypeScript type all follow from the declaration.
 *
 * Everything is little-endian, which is what x86-64 and ELFDATA2LSB are.
 */
import { UlpError, type ErrorCode } from './errors';

/**
 * Bytes with the name under which errors speak of them. All offsets are in bytes from the start.
 */
export class ByteView {
  readonly data: DataView;

  constructor(
    readonly bytes: Uint8Array,
    /** The subject of errors: a path, or a process and a part of its memory. */
    readonly subject: string,
    /**
     * The code of the error thrown when something lies outside: a file is truncated, a process
     * hostile.
     */
    private readonly outOfBounds: ErrorCode = 'file-truncated',
  ) {
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.bytes.length;
  }

  /** @throws UlpError when [offset, offset+size) is not inside */
  check(offset: number, size: number, what: string): void {
    if (offset >= 0 && size >= 0 && offset + size <= this.length) return;
    throw new UlpError(this.outOfBounds, {
      subject: this.subject,
      expected: `${size} bytes of ${what} at offset ${offset}`,
      found: `${this.length} bytes in all`,
    });
  }

  /** The bytes themselves, not a copy. */
  slice(offset: number, size: number, what: string): Uint8Array {
    this.check(offset, size, what);
    return this.bytes.subarray(offset, offset + size);
  }

  /**
   * A NUL-terminated string, decoded as UTF-8.
   * @param limit offset before which the NUL must lie; nothing is searched behind it
   */
  string(offset: number, what: string, limit = this.length): string {
    this.check(offset, 1, what);
    const size = this.bytes.subarray(offset, limit).indexOf(0);
    if (size < 0) this.check(offset, this.length - offset + 1, `NUL-terminated ${what}`);
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + offset, size).toString();
  }

  /** A u64 that this side uses as a size, an index or a file offset. */
  number(value: bigint, what: string): number {
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
    throw new UlpError(this.outOfBounds, {
      subject: this.subject,
      expected: `${what} below 2^53`,
      found: `0x${value.toString(16)}`,
    });
  }
}

export interface Codec<T> {
  /** Encoded size in bytes. */
  readonly size: number;
  /** The C declaration of a variable of this type. */
  declare(name: string): string;
  /** Unchecked: the caller has checked the bounds of the whole. */
  get(data: DataView, offset: number): T;
  set(data: DataView, offset: number, value: T): void;
}

const scalar = <T>(
  size: number,
  type: string,
  get: (data: DataView, offset: number) => T,
  set: (data: DataView, offset: number, value: T) => void,
): Codec<T> => ({ size, declare: (name) => `${type} ${name}`, get, set });

export const u8 = scalar<number>(
  1,
  'uint8_t',
  (d, o) => d.getUint8(o),
  (d, o, v) => d.setUint8(o, v),
);
export const u16 = scalar<number>(
  2,
  'uint16_t',
  (d, o) => d.getUint16(o, true),
  (d, o, v) => d.setUint16(o, v, true),
);
export const u32 = scalar<number>(
  4,
  'uint32_t',
  (d, o) => d.getUint32(o, true),
  (d, o, v) => d.setUint32(o, v, true),
);
export const i32 = scalar<number>(
  4,
  'int32_t',
  (d, o) => d.getInt32(o, true),
  (d, o, v) => d.setInt32(o, v, true),
);
export const u64 = scalar<bigint>(
  8,
  'uint64_t',
  (d, o) => d.getBigUint64(o, true),
  (d, o, v) => d.setBigUint64(o, v, true),
);
export const i64 = scalar<bigint>(
  8,
  'int64_t',
  (d, o) => d.getBigInt64(o, true),
  (d, o, v) => d.setBigInt64(o, v, true),
);

/** `size` raw bytes; a copy when read. */
export const bytes = (size: number): Codec<Uint8Array> => ({
  size,
  declare: (name) => `uint8_t ${name}[${size}]`,
  get: (d, o) => new Uint8Array(d.buffer, d.byteOffset + o, size).slice(),
  set: (d, o, v) => {
    const room = new Uint8Array(d.buffer, d.byteOffset + o, size).fill(0);
    room.set(v.subarray(0, size));
  },
});

/** A string in `size` bytes, padded with NUL; what is longer is cut when written. */
export const text = (size: number): Codec<string> => ({
  size,
  declare: (name) => `char ${name}[${size}]`,
  get: (d, o) => {
    const room = Buffer.from(d.buffer, d.byteOffset + o, size);
    const end = room.indexOf(0);
    return room.toString('utf8', 0, end < 0 ? size : end);
  },
  set: (d, o, v) => {
    const room = Buffer.from(d.buffer, d.byteOffset + o, size).fill(0);
    room.write(v, 0, size - 1, 'utf8');
  },
});

/** `count` values one after the other. */
export const array = <T>(codec: Codec<T>, count: number): Codec<T[]> => ({
  size: codec.size * count,
  declare: (name) => codec.declare(`${name}[${count}]`),
  get: (d, o) => Array.from({ length: count }, (_, i) => codec.get(d, o + i * codec.size)),
  set: (d, o, v) => v.forEach((x, i) => codec.set(d, o + i * codec.size, x)),
});

export interface Field<T> {
  readonly codec: Codec<T>;
  readonly meaning: string;
}
export const field = <T>(codec: Codec<T>, meaning: string): Field<T> => ({ codec, meaning });

// `any` is the variance trick: a record of fields of unrelated types.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Fields = Record<string, Field<any>>;
type ValueOf<F extends Fields> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never };

export class Struct<F extends Fields> implements Codec<ValueOf<F>> {
  readonly size: number;
  /** Offset of each field in bytes. */
  readonly offset: { readonly [K in keyof F]: number };
  private readonly list: readonly (readonly [string, number, Codec<unknown>])[];

  constructor(
    readonly name: string,
    readonly fields: F,
  ) {
    let at = 0;
    const offset: Record<string, number> = {};
    this.list = Object.entries(fields).map(([key, f]) => {
      const entry = [key, at, f.codec as Codec<unknown>] as const;
      offset[key] = at;
      at += f.codec.size;
      return entry;
    });
    this.size = at;
    this.offset = offset as { [K in keyof F]: number };
  }

  declare(name: string): string {
    return `struct ${this.name} ${name}`;
  }

  get(data: DataView, offset: number): ValueOf<F> {
    const value: Record<string, unknown> = {};
    for (const [key, at, codec] of this.list) value[key] = codec.get(data, offset + at);
    return value as ValueOf<F>;
  }

  set(data: DataView, offset: number, value: ValueOf<F>): void {
    for (const [key, at, codec] of this.list)
      codec.set(data, offset + at, value[key as keyof ValueOf<F>]);
  }

  /** @throws UlpError when the struct does not lie inside `view` */
  read(view: ByteView, offset = 0): ValueOf<F> {
    view.check(offset, this.size, this.name);
    return this.get(view.data, offset);
  }

  /** @throws UlpError when the struct does not fit into `view` */
  write(view: ByteView, offset: number, value: ValueOf<F>): void {
    view.check(offset, this.size, this.name);
    this.set(view.data, offset, value);
  }

  /** The encoded bytes of one value. */
  encode(value: ValueOf<F>): Uint8Array {
    const out = new Uint8Array(this.size);
    this.set(new DataView(out.buffer), 0, value);
    return out;
  }
}

export const struct = <F extends Fields>(name: string, fields: F): Struct<F> =>
  new Struct(name, fields);
/** The TypeScript type of a struct's values: `type Elf64Sym = Value<typeof Elf64_Sym>`. */
export type Value<S> = S extends Struct<infer F> ? ValueOf<F> : never;
