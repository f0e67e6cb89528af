/**
 * `node [FLAGS] code-cache.mjs BUNDLE OUT`: compiles a bundle for this Node.js and these flags;
 * scripts/loader.cjs takes it from there. All functions, not only those that a run would come to
 * first: which ones a command needs depends on the process that it looks into, and what is not
 * needed costs little to read.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

const [bundle, out] = process.argv.slice(2);
const source = `(function (exports, require, module, __filename, __dirname) { ${readFileSync(bundle, 'utf8')}\n})`;
setFlagsFromString('--no-lazy');
const script = new Script(source, { filename: bundle });
// V8 keeps the flags with the code; those of whoever reads it are the default.
setFlagsFromString('--lazy');
writeFileSync(`${out}.new`, script.createCachedData());
renameSync(`${out}.new`, out);
