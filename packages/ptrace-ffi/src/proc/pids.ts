/** Every process that /proc shows. */
import { readdirSync } from 'node:fs';
import { pid, type Pid } from '@ulp/core';

export const listPids = (): Pid[] =>
  readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map((name) => pid(Number(name)));
