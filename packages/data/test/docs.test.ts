import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { augmentationSchema, dataSourceSchema } from '../src/index.js';

const page = await readFile(new URL('../../../docs/data.md', import.meta.url), 'utf8');
const examples = Array.from(page.matchAll(/^## (.*)\n(?:(?!^## )[^])*?```yaml\n([^]*?)```/gm), ([, title, text]) => ({
  title: title!,
  value: parse(text!) as { readonly kind?: string; readonly augment?: unknown },
}));

it.each(examples)('the example of $title in docs/data.md fits the schema', ({ title, value }) => {
  if (value.augment === undefined) {
    expect(dataSourceSchema.parse(value)).toMatchObject({ kind: title });
  } else {
    expect(augmentationSchema.parse(value.augment)).toHaveLength(4);
  }
});

it('docs/data.md has an example of every kind', () => {
  const kinds = dataSourceSchema.options.map(({ shape }) => shape.kind.value as string);
  expect(examples.map(({ title }) => title)).toEqual([...kinds, 'Augmentation']);
});
