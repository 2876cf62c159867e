import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { sha256 } from '../src/internal/sha256.js';

it.each([0, 3, 55, 56, 64, 1000])('gives the digest that Node gives, for %d characters', (length) => {
  const text = 'aß€'.repeat(length).slice(0, length);
  expect(sha256(text)).toBe(createHash('sha256').update(text).digest('hex'));
});
