/** What became of a request that another tool had left unfinished. */
export type Earlier = 'finished' | 'dropped';

/** Change.earlier in words. */
export const EARLIER: Readonly<Record<Earlier, string>> = {
  finished: 'an earlier request was unfinished and has been finished',
  dropped: 'an earlier request was unfinished, could not be finished and has been dropped',
};
