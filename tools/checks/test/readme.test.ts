import { expect, test } from 'vitest';
import { firstProgram, localLinks } from '../src/internal/readme.js';

test('the first block of ts is the program', () => {
  const markdown = '# a\n```sh\nls\n```\n\n```ts\nconst a = 1;\n```\n```ts\nconst b = 2;\n```\n';
  expect(firstProgram(markdown)).toBe('const a = 1;\n');
});

test('no block of ts, no program', () => {
  expect(firstProgram('```js\nlet a;\n```\n')).toBeUndefined();
});

test('local links are found, with images, without anchors; addresses and code are not links', () => {
  const markdown =
    '[a](docs/a.md#part) ![b](./b.png) <img src="c.svg"> [d](https://x.org) [e](#here)\n`[f](f.md)`\n```ts\n[g](g.md)\n```\n';
  expect(localLinks(markdown)).toEqual(['docs/a.md', './b.png', 'c.svg']);
});
