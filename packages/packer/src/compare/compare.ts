/** Two builds of a library, function by function. No effects. */
import { stemOf, withoutNumbers } from './clones';
import { compareData, type DataChange } from './data';
import type { DecodedFunction } from './decoded';
import { difference } from './difference';
import type { Library } from './functions';
import { pairFunctions, type Pair } from './pairs';
import { References } from './references';
import { Side } from './side';
import { tokensOf, type Token } from './tokens';

/**
 * `changed`: the machine code differs. `numbers`: only in constants that look like line numbers.
 * `onlyOld`, `onlyNew`: there is no such function in the other library.
 */
export type Change = 'changed' | 'numbers' | 'onlyOld' | 'onlyNew';

/** The machine code of a function, or a piece or variant of it that gcc has made. */
export interface PieceChange {
  readonly name: string;
  readonly change: Change;
  /** Instructions in the old and in the new library; 0: there is none. */
  readonly oldInstructions: number;
  readonly newInstructions: number;
}

export interface FunctionChange {
  /** As the source has it. */
  readonly name: string;
  /** Of a static function whose name is not the only one. */
  readonly file?: string;
  readonly change: Change;
  readonly pieces: readonly PieceChange[];
}

export interface Comparison {
  readonly functions: readonly FunctionChange[];
  readonly data: readonly DataChange[];
  /** How many functions have the same machine code in both. */
  readonly same: number;
}

export function compareLibraries(oldLibrary: Library, newLibrary: Library): Comparison {
  const old = new Side(oldLibrary);
  const fixed = new Side(newLibrary);
  const pairs = pairFunctions(old, fixed);
  const names = new Map<DecodedFunction, string>();
  for (const { id, old: a, fixed: b } of pairs) for (const f of [a, b]) if (f) names.set(f, id);
  const nameOf = (f: DecodedFunction): string => names.get(f) ?? f.name;
  const references = { old: new References(old, nameOf), fixed: new References(fixed, nameOf) };
  const changes = pairs.map((pair) => ({
    pair,
    piece: pieceChange(
      pair,
      pair.old ? tokensOf(pair.old, references.old) : [],
      pair.fixed ? tokensOf(pair.fixed, references.fixed) : [],
    ),
  }));
  const differing = changes.flatMap(({ pair, piece }) => (piece ? [{ pair, piece }] : []));
  return {
    functions: grouped(differing, { old: stemsOf(old), fixed: stemsOf(fixed) }),
    data: compareData(
      { side: old, references: references.old },
      { side: fixed, references: references.fixed },
    ),
    same: pairs.length - differing.length,
  };
}

function pieceChange(
  { old, fixed }: Pair,
  oldTokens: readonly Token[],
  newTokens: readonly Token[],
): PieceChange | undefined {
  const name = (fixed ?? old)?.name ?? '';
  const sizes = { oldInstructions: oldTokens.length, newInstructions: newTokens.length };
  if (!old || !fixed) return { name, change: old ? 'onlyOld' : 'onlyNew', ...sizes };
  const how = difference(oldTokens, newTokens);
  if (how === 'none') return undefined;
  return { name: old.name, change: how === 'code' ? 'changed' : 'numbers', ...sizes };
}

const stemsOf = ({ functions }: Side): Set<string> => new Set(functions.map((f) => stemOf(f.name)));

/** A function and the pieces of it belong together. */
function grouped(
  changes: readonly { readonly pair: Pair; readonly piece: PieceChange }[],
  stems: { readonly old: ReadonlySet<string>; readonly fixed: ReadonlySet<string> },
): FunctionChange[] {
  const groups = new Map<string, { name: string; file?: string; pieces: PieceChange[] }>();
  for (const { pair, piece } of changes) {
    const f = pair.old ?? pair.fixed;
    const name = stemOf(piece.name);
    const isTwin = pair.id !== withoutNumbers(f?.name ?? '') && name === piece.name;
    const file = isTwin ? f?.file : undefined;
    const key = `${name}\0${isTwin ? pair.id : ''}`;
    const group = groups.get(key) ?? { name, ...(file === undefined ? {} : { file }), pieces: [] };
    group.pieces.push(piece);
    groups.set(key, group);
  }
  return [...groups.values()]
    .map((group) => ({ ...group, change: changeOf(group.name, group.pieces, stems) }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** A piece that only one library has is a change of the function, if the other one has that. */
function changeOf(
  name: string,
  pieces: readonly PieceChange[],
  stems: { readonly old: ReadonlySet<string>; readonly fixed: ReadonlySet<string> },
): Change {
  const changes = new Set(pieces.map(({ change }) => change));
  const [only = 'changed'] = changes;
  if (changes.size > 1) return 'changed';
  const isNowhereElse =
    (only === 'onlyOld' && !stems.fixed.has(name)) || (only === 'onlyNew' && !stems.old.has(name));
  const isTwin = pieces.some((piece) => piece.name === name);
  return only === 'numbers' || isNowhereElse || isTwin ? only : 'changed';
}
