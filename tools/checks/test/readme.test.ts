import { expect, test } from 'vitest';
import { firstProgram } from '../src/internal/readme.js';

test('the first block of ts is the program', () => {
  const markdown = '# a\n```sh\nls\n```\n\n```ts\nconst a = 1;\n```\n```ts\nconst b = 2;\n```\n';
  expect(firstProgram(markdown)).toBe('const a = 1;\n');
});

test('no block of ts, no program', () => {
  expect(firstProgram('```js\nlet a;\n```\n')).toBeUndefined();
});
