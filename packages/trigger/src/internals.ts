/** No API: what tests and benchmarks look at inside of this package. Any version may change it. */
export { candidates } from './candidates';
export { perform } from './perform';
export { encodeCollect } from './request';
