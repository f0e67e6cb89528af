/**
 * What all packages share: branded types, the error class, byte codecs, and the ABI of the runtime.
 */
export * from './brands';
export * from './codec';
export * from './errors';
export * from './files';
export * from './sleep';
export * from './text';
export * as abi from './abi';
export { abiHeader } from './abi-header';
