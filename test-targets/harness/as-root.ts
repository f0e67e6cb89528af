/** Tests of what only root can set up: another user, a namespace, a chroot. */
export const isRoot = process.getuid?.() === 0;

type Define<Body> = (title: string, body: Body) => void;

/** `test`, `describe` or `scenario`; as another user it is left out, and says so. */
export const asRoot =
  <Body>(define: Define<Body>): Define<Body> =>
  (title, body) => {
    if (isRoot) return define(title, body);
    console.warn(`skipped without root: ${title}`);
    test.skip(title, () => undefined);
  };
