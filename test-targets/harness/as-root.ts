/** Tests of what is not to be had everywhere: another user, a namespace, a chroot take root. */
export const isRoot = process.getuid?.() === 0;

type Define<Body> = (title: string, body: Body) => void;

/**
 * `test`, `describe` or `scenario`; elsewhere it is left out, and says so.
 * @param lack what is wrong there, as in "skipped without root"
 */
export const onlyWhere =
  (isHere: boolean, lack: string) =>
  <Body>(define: Define<Body>): Define<Body> =>
  (title, body) => {
    if (isHere) {
      define(title, body);
      return;
    }
    console.warn(`skipped ${lack}: ${title}`);
    // Not nothing: jest fails a file without a test, and counts this one.
    test.skip(title, () => undefined);
  };

export const asRoot = onlyWhere(isRoot, 'without root');
