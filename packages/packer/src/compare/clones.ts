/**
 * Pieces and variants that gcc makes of a function, by their names: `f.constprop.0`,
 * `f.part.1.cold`.
 */
const SUFFIX = /\.(?:constprop|isra|part|lto_priv|localalias|cold)(?:\.\d+)?(?=\.|$)/;

/** The source function's name. */
export function stemOf(name: string): string {
  const at = name.search(SUFFIX);
  return at > 0 ? name.slice(0, at) : name;
}

/** The name without the compiler's numbers, which change when code is added elsewhere. */
export function withoutNumbers(name: string): string {
  const stem = stemOf(name);
  return stem + name.slice(stem.length).replace(/\.\d+(?=\.|$)/g, '');
}
