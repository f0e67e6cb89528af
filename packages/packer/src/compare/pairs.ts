/** Which function of the one library is which of the other. */
import { withoutNumbers } from './clones';
import type { DecodedFunction } from './decoded';
import { References } from './references';
import type { Side } from './side';
import { tokensOf } from './tokens';

export interface Pair {
  /** The same for both, and of no other pair. */
  readonly id: string;
  readonly old?: DecodedFunction;
  readonly fixed?: DecodedFunction;
}

/** What a function may be paired by: its name, without the compiler's numbers. */
const key = (f: DecodedFunction): string => withoutNumbers(f.name);

/**
 * By name. Static functions of one name, and variants that differ only in the compiler's numbers,
 * are paired by source file and code, then by code, then by file, then in the order of their
 * addresses.
 */
export function pairFunctions(old: Side, fixed: Side): Pair[] {
  const groups = new Map<string, { old: DecodedFunction[]; fixed: DecodedFunction[] }>();
  for (const which of ['old', 'fixed'] as const)
    for (const f of (which === 'old' ? old : fixed).functions) {
      const group = groups.get(key(f)) ?? { old: [], fixed: [] };
      group[which].push(f);
      groups.set(key(f), group);
    }
  const code = {
    old: codeOf(new References(old, key)),
    fixed: codeOf(new References(fixed, key)),
  };
  return [...groups].flatMap(([name, group]) => {
    if (group.old.length <= 1 && group.fixed.length <= 1)
      return [pair(name, group.old[0], group.fixed[0])];
    const rest = { old: [...group.old], fixed: [...group.fixed] };
    const found: (readonly [DecodedFunction | undefined, DecodedFunction | undefined])[] = [];
    const file = (f: DecodedFunction): string => f.file ?? '';
    for (const [oldBy, fixedBy] of [
      [both(file, code.old), both(file, code.fixed)],
      [code.old, code.fixed],
      [file, file],
      [() => '', () => ''],
    ] as const)
      for (const f of [...rest.old]) {
        const match = rest.fixed.find((g) => fixedBy(g) === oldBy(f));
        if (!match) continue;
        found.push([f, match]);
        rest.old.splice(rest.old.indexOf(f), 1);
        rest.fixed.splice(rest.fixed.indexOf(match), 1);
      }
    found.push(...rest.old.map((f) => [f, undefined] as const));
    found.push(...rest.fixed.map((f) => [undefined, f] as const));
    return found.map(([a, b], i) => pair(`${name} ${i}`, a, b));
  });
}

const pair = (id: string, old?: DecodedFunction, fixed?: DecodedFunction): Pair => ({
  id,
  ...(old ? { old } : {}),
  ...(fixed ? { fixed } : {}),
});

type By = (f: DecodedFunction) => string;

const both =
  (one: By, other: By): By =>
  (f) =>
    `${one(f)}\0${other(f)}`;

/** The code of a function as one string; kept, because it is asked for again and again. */
function codeOf(references: References): By {
  const known = new Map<DecodedFunction, string>();
  return (f) => {
    const text =
      known.get(f) ??
      tokensOf(f, references)
        .map(({ text: own, constant }) => `${own} ${constant ?? ''}`)
        .join('\n');
    known.set(f, text);
    return text;
  };
}
