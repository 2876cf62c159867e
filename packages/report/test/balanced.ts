import { expect } from 'vitest';

const empty = new Set(['meta', 'img', 'br', 'hr', 'link', 'input']);

/** Every tag of HTML or XML is closed, in order. */
export function expectBalanced(markup: string): void {
  const open: string[] = [];
  const body = markup.replace(/<style>.*?<\/style>/s, '<style></style>').replace('<!doctype html>', '');
  expect(body.replace(/<\/?[a-zA-Z][^<>]*>/g, '')).not.toMatch(/[<>]/);
  for (const [tag, slash, name] of body.matchAll(/<(\/?)([a-zA-Z][\w-]*)[^<>]*>/g)) {
    if (slash) expect(open.pop()).toBe(name);
    else if (!tag.endsWith('/>') && !empty.has(name!)) open.push(name!);
  }
  expect(open).toEqual([]);
}
