/**
 * With `--require`: a file is cut to so many bytes right before a command reads what lies behind
 * them: ULP_TEST_CUT is `BYTES:PATH`.
 */
'use strict';
const fs = require('node:fs');

const [, bytes, path] = /^(\d+):(.*)$/.exec(process.env.ULP_TEST_CUT);
const { readSync } = fs;
fs.readSync = (fd, buffer, offset, length, position) => {
  const isBehind = Number(position) >= Number(bytes);
  if (isBehind && fs.readlinkSync(`/proc/self/fd/${fd}`) === path) {
    fs.truncateSync(path, Number(bytes));
    fs.writeSync(2, 'cut\n');
  }
  return readSync(fd, buffer, offset, length, position);
};
