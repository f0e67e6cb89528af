/** Read and rewrite ELF64 shared libraries of x86-64, and make them live-patchable. */
export * from './constants';
export * from './dynamic';
export * from './elf-file';
export * from './hash-tables';
export * from './function-names';
export * from './header';
export * from './live-patchable';
export * from './notes';
export * from './relocations';
export * from './rewrite';
export * from './shared-library';
export * from './structs';
export * from './symbols';
export * from './table';
export * from './versions';
export { planGate, type GatePlan } from './gate/plan';
