/** Makes a program smaller for as long as it still fails. */

/** KIND:LIBRARY.FUNCTION.ARGUMENT[CHILD,...], as nodes.cc prints it. */
function parse(text) {
  let at = 0;
  function node() {
    const [all, head] = /^([A-Z]+:\d+\.\d+\.\d+)\[/.exec(text.slice(at)) ?? [];
    if (!all) throw new Error(`not a program, from here on: ${text.slice(at, at + 40)}`);
    at += all.length;
    const children = [];
    while (text[at] !== ']') {
      children.push(node());
      if (text[at] === ',') at++;
    }
    at++;
    return { head, children };
  }
  return node();
}

const print = ({ head, children }) => `${head}[${children.map(print).join(',')}]`;

const size = ({ children }) => children.reduce((sum, child) => sum + size(child), 1);

/** Every smaller program that is one step away, the ones that leave out most first. */
function* smaller(tree) {
  const sites = [];
  (function visit(node, rebuild) {
    node.children.forEach((child, i) => {
      const withChildren = (...instead) =>
        rebuild({ head: node.head, children: node.children.toSpliced(i, 1, ...instead) });
      sites.push({ left: size(child), make: () => withChildren() });
      if (child.children.length > 0)
        sites.push({ left: 1, make: () => withChildren(...child.children) });
      visit(child, (changed) => withChildren(changed));
    });
  })(tree, (changed) => changed);
  sites.sort((x, y) => y.left - x.left);
  for (const { make } of sites) yield make();
}

/**
 * @param {string} text a program that fails
 * @param {(text: string) => Promise<boolean>} fails
 * @param {number} tries at most
 */
export async function shrink(text, fails, tries) {
  let best = parse(text);
  for (let again = true; again && tries > 0;) {
    again = false;
    for (const candidate of smaller(best)) {
      if (tries-- <= 0) break;
      if (!(await fails(print(candidate)))) continue;
      best = candidate;
      again = true;
      break;
    }
  }
  return print(best);
}
