/** The C and assembly face of abi.ts: the text of ulp_abi.h. */
import * as abi from './abi';
import { Struct } from './codec';

const CONSTANTS: readonly (readonly [string, Readonly<Record<string, number | bigint>>])[] = [
  ['PADDING', abi.PADDING],
  ['ENTRY', abi.ENTRY],
  ['NOTE_TYPE', abi.NOTE_TYPE],
  ['GATE', abi.GATE],
  ['FEATURE', abi.FEATURE],
  ['MAGIC', abi.MAGIC],
  ['SLOT', abi.SLOT],
  ['SLOT', abi.SLOT_CODE],
  ['STATE', abi.STATE],
  ['PHASE', abi.PHASE],
  ['OPERATION', abi.OPERATION],
  ['RESULT', abi.RESULT],
  ['PATCH', abi.PATCH],
  ['RUNTIME_FLAG', abi.RUNTIME_FLAG],
  ['LIMIT', abi.LIMIT],
];

const SCALARS: Readonly<Record<string, number | bigint>> = {
  ABI_VERSION: abi.ABI_VERSION,
  UNIVERSE_OUTSIDE: abi.UNIVERSE_OUTSIDE,
  UNIVERSE_BASE: abi.UNIVERSE_BASE,
  REQUEST_VERSION: abi.REQUEST_VERSION,
  SP_CONTESTED: abi.SP_CONTESTED,
  SP_PINNED: abi.SP_PINNED,
  SLOT_COUNT: abi.SLOT_COUNT,
  SLOT_STRIDE: abi.SLOT_STRIDE,
  TOKEN_BYTES: abi.TOKEN_BYTES,
  PATCH_ID_SIZE: abi.PATCH_ID_SIZE,
  BUILD_ID_SIZE: abi.BUILD_ID_SIZE,
};

/**
 * What trm.o asks libpulp.so for. The names carry the ABI version, so that a library and a
 * libpulp.so of different ones do not find each other: the library then works as without
 * libpulp.so.
 */
const SHARED_NAMES = [
  ...['__ulp_global', '__ulp_special', '__ulp_entry_unwind'],
  ...['__ulp_library_begins', '__ulp_library_ends'],
];

const upper = (name: string): string => name.replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase();
const literal = (value: number | bigint): string => `0x${value.toString(16)}`;

const STRUCTS = Object.values(abi).filter((x) => x instanceof Struct);

/** `#define`s that assembly can read, then structs with a static assertion for every field. */
export function abiHeader(): string {
  const define = (name: string, value: number | bigint): string =>
    `#define ULP_${name} ${literal(value)}`;
  const defines = [
    ...Object.entries(SCALARS).map(([name, value]) => define(name, value)),
    ...CONSTANTS.flatMap(([group, members]) =>
      Object.entries(members).map(([name, value]) => define(`${group}_${upper(name)}`, value)),
    ),
    ...SHARED_NAMES.map((name) => `#define ${name} ${name}_abi${abi.ABI_VERSION}`),
    ...STRUCTS.flatMap((s) => [
      `#define ${upper(s.name)}__SIZEOF ${s.size}`,
      ...Object.entries(s.offset).map(([f, at]) => `#define ${upper(s.name)}__${upper(f)} ${at}`),
    ]),
  ];
  const structs = STRUCTS.map((s) =>
    [
      `struct ${s.name} {`,
      ...Object.entries(s.fields).map(
        ([f, { codec, meaning }]) => `  ${codec.declare(f)};${meaning ? ` /* ${meaning} */` : ''}`,
      ),
      '};',
      `_Static_assert(sizeof(struct ${s.name}) == ${s.size}, "${s.name}");`,
      ...Object.entries(s.offset).map(
        ([f, at]) => `_Static_assert(offsetof(struct ${s.name}, ${f}) == ${at}, "${s.name}.${f}");`,
      ),
    ].join('\n'),
  );
  return [
    '/* Generated from packages/core/src/abi.ts. Do not edit. */',
    '#ifndef ULP_ABI_H',
    '#define ULP_ABI_H',
    ...defines,
    '#ifndef __ASSEMBLER__',
    '#include <stddef.h>',
    '#include <stdint.h>',
    ...structs,
    '#endif',
    '#endif',
    '',
  ].join('\n');
}
