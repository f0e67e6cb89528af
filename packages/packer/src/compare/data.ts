/** Named data whose first content differs: a patch that replaces functions does not change it. */
import type { DataObject } from './objects';
import type { References } from './references';
import type { Side } from './side';

export interface DataChange {
  readonly name: string;
  readonly change: 'changed' | 'onlyOld' | 'onlyNew';
  /** Nobody writes to it once the library is loaded. */
  readonly isConstant: boolean;
  /** Functions of the old library that refer to it; of the new one when only that has it. */
  readonly usedBy: readonly string[];
}

interface View {
  readonly side: Side;
  readonly references: References;
}

/** Numbered constants are left out: they are compared where they are used. */
export function compareData(old: View, fixed: View): DataChange[] {
  const before = byName(old.side);
  const after = byName(fixed.side);
  const changes: DataChange[] = [];
  for (const [name, objects] of before) {
    const others = after.get(name);
    const change = !others ? 'onlyOld' : same(old, objects, fixed, others) ? undefined : 'changed';
    if (change) changes.push(dataChange(name, change, objects, old.side));
  }
  for (const [name, objects] of after)
    if (!before.has(name)) changes.push(dataChange(name, 'onlyNew', objects, fixed.side));
  return changes.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function byName({ objects }: Side): Map<string, DataObject[]> {
  const names = new Map<string, DataObject[]>();
  for (const object of objects) {
    if (object.isConstant && object.isNumbered) continue;
    const same = names.get(object.name);
    if (same) same.push(object);
    else names.set(object.name, [object]);
  }
  return names;
}

/** Objects of one name, static ones of several files, have the same contents in whatever order. */
function same(
  old: View,
  objects: readonly DataObject[],
  fixed: View,
  others: readonly DataObject[],
): boolean {
  const contents = ({ references }: View, all: readonly DataObject[]): string =>
    all
      .map(({ address, size }) => `${size} ${references.bytes(address, address + size)}`)
      .sort()
      .join('\n');
  return contents(old, objects) === contents(fixed, others);
}

function dataChange(
  name: string,
  change: DataChange['change'],
  objects: readonly DataObject[],
  { functions }: Side,
): DataChange {
  const isInside = (address: number): boolean =>
    objects.some((object) => address >= object.address && address < object.address + object.size);
  const usedBy = functions
    .filter(({ instructions }) =>
      instructions.some((i) => i.address !== undefined && isInside(i.address)),
    )
    .map((f) => f.name);
  return { name, change, isConstant: objects.every((o) => o.isConstant), usedBy };
}
