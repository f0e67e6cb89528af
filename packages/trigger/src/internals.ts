/** No API: what tests and benchmarks look at inside of this package. Any version may change it. */
export { BLOCKING_CALLS } from './calls/table';
export { candidates } from './choose/candidates';
export { perform } from './helper/perform';
export { encodeCollect } from './helper/request';
