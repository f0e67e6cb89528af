/** Random choices that a seed determines. */

/** xorshift128+ in two halves, seeded by splitmix: fast, and the same on every machine. */
export class Random {
  constructor(seed, stream = 0) {
    const words = [seed >>> 0, stream >>> 0, 0x9e3779b9, 0x243f6a88];
    this.state = new Uint32Array(4);
    for (let i = 0; i < 4; i++) {
      let z = (words[i] + Math.imul(0x6d2b79f5, i + 1 + words[(i + 1) % 4])) >>> 0;
      z = Math.imul(z ^ (z >>> 15), z | 1);
      z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
      this.state[i] = (z ^ (z >>> 14)) >>> 0 || i + 1;
    }
    for (let i = 0; i < 16; i++) this.word();
  }

  /** 32 bits. */
  word() {
    const s = this.state;
    let t = s[3];
    const first = s[0];
    s[3] = s[2];
    s[2] = s[1];
    s[1] = first;
    t ^= t << 11;
    t ^= t >>> 8;
    s[0] = t ^ first ^ (first >>> 19);
    return s[0];
  }

  below(n) {
    return n <= 1 ? 0 : this.word() % n;
  }

  chance(percent) {
    return this.below(100) < percent;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /** 1, 2, 3, …: each half as likely as the one before. */
  few() {
    return 1 + Math.clz32(this.word() | 1);
  }
}
