import { expect, it } from 'vitest';
import { brokenLinks } from '../src/internal/site-links.js';

const files = new Set(['index.html', 'a/b.html', 'a/c.png']);
const check = (html: string) =>
  brokenLinks(
    new Map([
      ['index.html', '<h1 id="top">x</h1>'],
      ['a/b.html', html],
    ]),
    files,
  );

it.each([
  '<a href="../index.html#top">x</a>',
  '<a class="y" href="https://example.org/z">x</a>',
  '<img src="c.png" /> <h2 id="here">y</h2> <a href="#here">x</a>',
])('finds nothing wrong with %s', (html) => {
  expect(check(html)).toEqual([]);
});

it.each([
  ['<a href="d.html">x</a>', 'd.html leads nowhere'],
  ['<img alt="" src="../c.png">', '../c.png leads nowhere'],
  ['<a href="../index.html#bottom">x</a>', '../index.html#bottom has no such place'],
  ['<a href="#there">x</a>', '#there has no such place'],
  ['<script src="https://example.org/x.js"></script>', 'loads https://example.org/x.js'],
])('finds %s', (html, problem) => {
  expect(check(html)).toEqual([`a/b.html: ${problem}`]);
});
