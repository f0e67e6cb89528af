/**
 * What one program keeps while it borrows threads, from one thread and process to the next. A
 * program has one session: see Stops.
 */
import { lend } from './borrow';
import type { Loan } from './loan';
import { rehearse, REHEARSALS } from './rehearsal';
import { Stops } from './stops';

export class Session {
  readonly stops = new Stops();
  private isRehearsed = false;

  /** Rehearses the borrowing for the compiler, when nothing has been rehearsed yet. */
  prepare(loan: Omit<Loan, 'maps'>): void {
    if (!this.isRehearsed) rehearse(loan, REHEARSALS, lend);
    this.isRehearsed = true;
  }
}
