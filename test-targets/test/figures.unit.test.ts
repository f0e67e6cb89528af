/**
 * README.md states figures that docs/performance.md measured: each must be there, in a table of the
 * section that names the same command. A figure in prose does not count: prose tells what was
 * measured before a change.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** The part of a document from each `## ` heading to the next one, by heading. */
function sections(document: string): ReadonlyMap<string, string> {
  const parts = document.split(/^## /m).slice(1);
  return new Map(parts.map((part) => [part.slice(0, part.indexOf('\n')), part]));
}

/** The cells of all rows below a table's rule, row by row. */
function rows(section: string): string[][] {
  const lines = section.split('\n');
  const isRule = (line: string | undefined): boolean => /^\|( ?:?-+:? ?\|)+$/.test(line ?? '');
  return lines
    .filter((line, i) => line.startsWith('|') && !isRule(line) && !isRule(lines[i + 1]))
    .map((line) => line.split('|').slice(1, -1));
}

/** Without what a command or a range in brackets has of digits. */
const figures = (cell: string): string[] =>
  cell.replace(/`[^`]*`|\([^)]*\)/g, '').match(/\d+(?:\.\d+)?/g) ?? [];

/** Figures of README.md that the tables of performance.md do not have, with their command. */
function strangers(readme: string, performance: string): string[] {
  const measured = [...sections(performance).values()];
  return rows(sections(readme).get('Numbers') ?? '').flatMap(([what, stated = '', by = '']) => {
    const command = by.replaceAll('`', '').trim();
    const section = measured.find((text) => text.includes(`\`${command} `));
    const known = section ? rows(section).flat().flatMap(figures) : [];
    const unknown = figures(stated).filter((figure) => !known.includes(figure));
    return unknown.map((figure) => `${figure} of "${what?.trim()}" by ${command}`);
  });
}

const readme = read('README.md');
const performance = read('docs/performance.md');

test('README.md has figures, each with a command', () => {
  const table = rows(sections(readme).get('Numbers') ?? '');
  expect(table.length).toBeGreaterThanOrEqual(5);
  for (const [, stated = '', by] of table) {
    expect(figures(stated)).not.toEqual([]);
    expect(by).toMatch(/^ `node bench\/\S+\.mjs` *$/);
  }
});

test("each of them stands in docs/performance.md, in a table of the same command's section", () => {
  expect(strangers(readme, performance)).toEqual([]);
});

test('each figure that is altered is found', () => {
  for (const row of rows(sections(readme).get('Numbers') ?? ''))
    for (const figure of figures(row[1] ?? '')) {
      const altered = row.map((cell, i) =>
        i === 1 ? cell.replace(new RegExp(`(?<![\\d.])${figure}(?![\\d.])`), `${figure}999`) : cell,
      );
      const found = strangers(readme.replace(row.join('|'), altered.join('|')), performance);
      expect(found).toEqual([expect.stringContaining(`${figure}999 of`)]);
    }
});
