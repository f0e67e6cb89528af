/** What `ulp-packer --compare` prints: a table for people, a document for programs. */
import type { Change, FunctionChange } from './compare';
import type { DataChange } from './data';
import type { Library } from './functions';
import type { Compared } from './read';

const CHANGE: Readonly<Record<Change, string>> = {
  changed: 'changed',
  numbers: 'line numbers only',
  onlyOld: 'only in the old library',
  onlyNew: 'only in the new library',
};

export const TABLE_HEAD = ['FUNCTION', 'MACHINE CODE', 'INSTRUCTIONS'] as const;
export const DATA_HEAD = ['DATA', 'FIRST CONTENT', 'USED BY'] as const;

/** A row for each function, and one for each piece of it that has another name. */
export function functionRows(functions: readonly FunctionChange[]): string[][] {
  return functions.flatMap(({ name, file, pieces, change }) => {
    const shown = file === undefined ? name : `${name} (${file})`;
    const own = pieces.find((piece) => piece.name === name);
    const rows = pieces
      .filter((piece) => piece !== own)
      .map((piece) => [`  ${piece.name}`, CHANGE[piece.change], counts(piece)]);
    return [
      [shown, own ? CHANGE[own.change] : `${CHANGE[change]}, in pieces`, own ? counts(own) : ''],
      ...rows,
    ];
  });
}

const counts = (piece: { oldInstructions: number; newInstructions: number }): string =>
  `${piece.oldInstructions} -> ${piece.newInstructions}`;

export const dataRows = (data: readonly DataChange[]): string[][] =>
  data.map(({ name, change, isConstant, usedBy }) => [
    name,
    `${CHANGE[change]}${isConstant ? '' : ', and variable'}`,
    usedBy.join(', '),
  ]);

const described = ({ path, names }: Library) => ({ path, names });

export const document = ({ old, fixed, comparison }: Compared) => ({
  schema: 'ulp-packer-compare/1',
  old: described(old),
  new: described(fixed),
  same: comparison.same,
  functions: comparison.functions,
  data: comparison.data,
});

/** What may be missing from the comparison. */
export const shortcomings = ({ old, fixed }: Compared): string[] =>
  [old, fixed]
    .filter(({ names }) => names === 'dynsym')
    .map(
      ({ path }) =>
        `${path}: stripped: only exported functions have names and are compared; --debug-files OLD NEW names the others`,
    );
