/**
 * Are these bytes nops, of one byte or more each? `90`, and `0f 1f` with its operand, behind
 * any 66 or 2e.
 */
export function isNops(bytes: Uint8Array): boolean {
  let at = 0;
  while (at < bytes.length) {
    while (bytes[at] === 0x66 || bytes[at] === 0x2e) at++;
    if (bytes[at] === 0x90) {
      at++;
      continue;
    }
    const modrm = bytes[at + 2];
    if (bytes[at] !== 0x0f || bytes[at + 1] !== 0x1f || modrm === undefined) return false;
    const mod = modrm >> 6;
    const rm = modrm & 7;
    if ((modrm & 0x38) !== 0 || mod === 3) return false;
    const displacement = mod === 1 ? 1 : mod === 2 || rm === 5 ? 4 : 0;
    at += 3 + (rm === 4 ? 1 : 0) + displacement;
  }
  return at === bytes.length;
}
