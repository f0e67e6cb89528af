/**
 * What may be made of a file's bytes in all. Tables may overlap and records may name the same
 * string again and again, so that few bytes would become very much; a file that a linker has made
 * is far below.
 */
import { UlpError } from '@ulp/core';

export class Room {
  /**
   * @param left so much may be taken
   * @param what of which there is too much
   */
  constructor(
    private left: number,
    private readonly subject: string,
    private readonly what: string,
  ) {}

  /** @throws UlpError file-malformed when more is taken than there is */
  take(size: number): void {
    this.left -= size;
    if (this.left >= 0) return;
    throw new UlpError('file-malformed', {
      subject: this.subject,
      expected: `${this.what} that overlap little`,
      found: 'a file that would be read again and again',
    });
  }
}
