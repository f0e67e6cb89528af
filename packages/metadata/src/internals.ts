/** No API: what the fuzzer looks at inside of this package. Any version may change it. */
export * as layout from './layout';
