import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError, DataError, ShapeError, type RgbImage } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { writeReport, type ReportBlock, type ReportContent } from '../src/index.js';
import { expectBalanced } from './balanced.js';
import { temporaryFolder } from './temporary-folder.js';

const red: RgbImage = { width: 2, height: 2, data: new Uint8Array(12).fill(200) };
const hostile = `"><script>alert('x')</script>&\u0000\ud800`;
const blocks = (text: string): ReportBlock[] => [
  { kind: 'text', text },
  { kind: 'image', image: red, alt: text, caption: text, file: 'one.png' },
  {
    kind: 'gallery',
    labels: ['before', text],
    items: [{ images: [red, red], caption: text }, { images: [red, red] }],
    caption: text,
    file: 'pairs.png',
  },
  {
    kind: 'charts',
    charts: [
      {
        chart: {
          type: 'line',
          title: text,
          xLabel: text,
          yLabel: text,
          series: [
            {
              name: text,
              points: [
                [0, 1],
                [1, 2],
              ],
            },
          ],
        },
        alt: text,
        caption: text,
        file: 'line.png',
      },
      { chart: { type: 'rank', title: text, xLabel: text, yLabel: text, counts: [1, 2] }, alt: text, file: 'rank.png' },
    ],
  },
  {
    kind: 'table',
    rows: [
      [text, '1'],
      ['b', text],
    ],
  },
  { kind: 'table', caption: text, columns: ['a', text], rows: [['1', text]] },
  { kind: 'commands', commands: [{ purpose: text, command: `${text}\n  --indented` }] },
];
const content = (text: string): ReportContent => ({
  title: text,
  lead: text,
  summary: [
    { label: text, value: text, unit: text, note: text },
    { label: 'PSNR', value: '22' },
  ],
  sections: [
    { title: text, blocks: blocks(text) },
    { title: 'Empty', blocks: [] },
  ],
  footer: text,
});

const parent = await temporaryFolder();
const write = async (report: ReportContent, name: string): Promise<string> =>
  readFile(await writeReport(join(parent, name), report), 'utf8');

describe('the page', () => {
  it('is whole, self-contained HTML with pictures beside it', async () => {
    const folder = join(parent, 'deep', 'er');
    const file = await writeReport(folder, content('text'));
    expect(file).toBe(join(folder, 'report.html'));
    expect((await readdir(folder)).sort()).toEqual(['line.png', 'one.png', 'pairs.png', 'rank.png', 'report.html']);
    for (const name of await readdir(folder)) {
      if (name.endsWith('.png')) expect((await readFile(join(folder, name))).subarray(1, 4).toString()).toBe('PNG');
    }
    const page = await readFile(file, 'utf8');
    expectBalanced(page);
    expect(page.startsWith('<!doctype html>')).toBe(true);
    expect(page).toContain(
      `content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"`.replaceAll(
        "'",
        '&#39;',
      ),
    );
    expect(page).not.toMatch(/<(script|link|iframe|object|embed|base|form|audio|video|source)\b/i);
    const withoutNames = page.replace(/xmlns(:\w+)?="http:\/\/www\.w3\.org\/[\w/]+"/g, '');
    expect(withoutNames).not.toMatch(/https?:|url\(|@import|\bon\w+=/i);
    expect([...page.matchAll(/\ssrc="([^"]{0,22})/g)].every(([, source]) => source === 'data:image/png;base64,')).toBe(
      true,
    );
  });

  it('arranges the groups of a gallery in as many columns as it says', async () => {
    const sizeOf = async (columns: number): Promise<[width: number, height: number]> => {
      const folder = await temporaryFolder();
      const gallery = { kind: 'gallery', labels: ['a'], items: [{ images: [red] }, { images: [red] }] } as const;
      const blocks: ReportBlock[] = [{ ...gallery, columns, file: 'grid.png' }];
      await writeReport(folder, { title: 'Columns', sections: [{ title: 'Pictures', blocks }] });
      const png = await readFile(join(folder, 'grid.png'));
      return [png.readUInt32BE(16), png.readUInt32BE(20)];
    };
    const [wide, high] = [await sizeOf(2), await sizeOf(1)];
    expect(wide[0]).toBeGreaterThan(high[0]);
    expect(wide[1]).toBeLessThan(high[1]);
  });

  it('never runs or breaks on what it shows', async () => {
    const page = await write(content(hostile), 'hostile');
    expectBalanced(page);
    expect(page).not.toContain('<script');
    expect(page).not.toContain('\u0000');
    expect(page.match(/alert\(&#39;x&#39;\)/g)!.length).toBeGreaterThan(15);
  });

  it('can be read by those who do not see it', async () => {
    const page = await write(content('text'), 'accessible');
    expect(page).toContain('<html lang="en">');
    expect(page.match(/<h1>/g)).toHaveLength(1);
    const levels = [...page.matchAll(/<h([1-6])/g)].map(([, level]) => Number(level));
    levels.forEach((level, index) => expect(level - (levels[index - 1] ?? 0)).toBeLessThanOrEqual(1));
    for (const [image] of page.matchAll(/<img [^>]*>/g)) expect(image).toMatch(/ alt="[^"]+"/);
    expect(page.match(/<div role="img" aria-label="text"><svg/g)).toHaveLength(2);
    for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) expect(page).toContain(`id="${target}"`);
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(page).toContain('alt="before: text"');
    expect(page).toContain('<th scope="row">');
    expect(page).toContain('<th scope="col">');
  });

  it('is made for light, dark, narrow screens and paper', async () => {
    const page = await write(content('text'), 'media');
    expect(page).toContain('name="viewport" content="width=device-width, initial-scale=1"');
    for (const rule of [
      '(prefers-color-scheme:dark)',
      '(max-width:560px)',
      '@media print',
      '(prefers-reduced-motion:reduce)',
    ]) {
      expect(page).toContain(rule);
    }
  });

  it('keeps the lines of commands', async () => {
    expect(await write(content('text'), 'commands')).toContain('<code>text\n  --indented</code>');
  });

  it('needs nothing but a title', async () => {
    const page = await write({ title: 'Nothing', sections: [] }, 'minimal');
    expectBalanced(page);
    expect(page).not.toMatch(/undefined|false|<nav|<dl|<footer/);
  });
});

describe('what does not fit', () => {
  const attempt = (...wrong: ReportBlock[]): Promise<string> =>
    writeReport(join(parent, 'wrong'), { title: 'x', sections: [{ title: 'y', blocks: wrong }] });

  it.each(['../up.png', 'a/b.png', 'A.png', '.png', 'x.jpg', '-x.png', 'x.png\n'])(
    'is the file name %j',
    async (file) => {
      await expect(attempt({ kind: 'image', image: red, alt: 'red', file })).rejects.toThrow(ConfigError);
      await expect(attempt({ kind: 'image', image: red, alt: 'red', file })).rejects.toThrow(
        `writeReport: expected file names that differ, of lower-case letters, digits and hyphens, ending in .png, got ${JSON.stringify(file)}.`,
      );
    },
  );

  it('is a file name twice', async () => {
    const image: ReportBlock = { kind: 'image', image: red, alt: 'red', file: 'red.png' };
    await expect(attempt(image, image)).rejects.toThrow('got "red.png"');
  });

  it('is a gallery or a table of uneven rows', async () => {
    await expect(attempt({ kind: 'gallery', labels: ['a', 'b'], items: [{ images: [red] }] })).rejects.toThrow(
      ShapeError,
    );
    await expect(attempt({ kind: 'gallery', labels: ['a', 'b'], items: [{ images: [red] }] })).rejects.toThrow(
      'writeReport: expected 2 images in each group of a gallery, as many as labels, got 1.',
    );
    await expect(attempt({ kind: 'table', rows: [['a', 'b'], ['c']] })).rejects.toThrow(
      'expected 2 cells in each row of a table, got 1.',
    );
    expect(await readdir(parent)).not.toContain('wrong');
  });

  it('is a folder that is a file', async () => {
    const file = join(parent, 'file');
    await writeFile(file, '');
    await expect(writeReport(file, { title: 'x', sections: [] })).rejects.toThrow(DataError);
    await expect(writeReport(file, { title: 'x', sections: [] })).rejects.toThrow(
      `${file}: expected to create the folder, got a file of that name (EEXIST)`,
    );
  });
});
