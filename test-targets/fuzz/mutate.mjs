/**
 * Valid input to input that is wrong in a few places: at fields, where a parser looks, more often
 * than elsewhere.
 */

const INTERESTING = [
  0n,
  1n,
  2n,
  4n,
  8n,
  0x7fn,
  0x80n,
  0xffn,
  0x1000n,
  0x7fffn,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x7fff_ffff_f000n,
  0x8000_0000_0000n,
  1n << 53n,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 64n) - 8n,
  (1n << 64n) - 1n,
];

const read = (bytes, { at, size }) => {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i]);
  return value;
};

const write = (bytes, { at, size }, value) => {
  for (let i = 0; i < size; i++) bytes[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
};

/**
 * A value that a field might hold to deceive: extreme, near its own, near the length, or another
 * field's.
 */
function lie(random, bytes, field, fields) {
  const own = read(bytes, field);
  switch (random.below(6)) {
    case 0:
      return random.pick(INTERESTING);
    case 1:
      return own + BigInt(random.below(17) - 8);
    case 2:
      return BigInt(bytes.length + random.below(17) - 8);
    case 3:
      return own ^ (1n << BigInt(random.below(field.size * 8)));
    case 4:
      return read(bytes, random.pick(fields));
    default:
      return BigInt(random.word() >>> 0) << BigInt(random.below(33));
  }
}

/**
 * @param fields `{at, size}`: where numbers lie that the parser trusts or does not
 * @param keepLength nothing is cut, added or moved
 */
export function mutateBytes(random, original, fields, { keepLength = false } = {}) {
  let bytes = Buffer.from(original);
  for (let n = random.few(); n > 0; n--) {
    const inside = fields.filter(({ at, size }) => at + size <= bytes.length);
    const kind = random.below(100);
    if (kind < 65 && inside.length > 0) {
      const field = random.pick(inside);
      write(bytes, field, lie(random, bytes, field, inside));
    } else if (kind < 80 && bytes.length > 0)
      bytes[random.below(bytes.length)] ^= 1 << random.below(8);
    else if (kind < 88) {
      const from = random.below(bytes.length);
      const size = Math.min(random.below(256), bytes.length - from);
      bytes.copy(bytes, random.below(bytes.length), from, from + size);
    } else if (keepLength) continue;
    else if (kind < 94) bytes = bytes.subarray(0, random.below(bytes.length + 1));
    else {
      const at = random.below(bytes.length + 1);
      const cut = random.chance(50) ? random.below(64) : 0;
      const added = Buffer.alloc(random.below(64), random.below(256));
      bytes = Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + cut)]);
    }
  }
  return bytes;
}

/** @param tokens pieces that mean something to the parser */
export function mutateText(random, original, tokens) {
  let text = original;
  for (let n = random.few(); n > 0; n--) {
    const at = random.below(text.length + 1);
    const cut = random.chance(60) ? random.below(random.chance(80) ? 8 : text.length + 1) : 0;
    const kind = random.below(10);
    const added =
      kind < 5
        ? random.pick(tokens)
        : kind < 7
          ? String.fromCharCode(random.below(256)).repeat(random.few())
          : kind < 8
            ? random.pick(tokens).repeat(1 << random.below(10))
            : kind < 9
              ? text.slice(at, at + random.below(80))
              : '';
    text = text.slice(0, at) + added + text.slice(at + cut);
    if (text.length > 1 << 20) text = text.slice(0, 1 << 20);
  }
  return Buffer.from(text, 'latin1');
}
