import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../src/internal/sha256.js';

describe('sha256', () => {
  it.each([0, 1, 55, 56, 63, 64, 65, 1000])('equals that of Node for a text of %i characters', (length) => {
    const text = 'aé漢🙂'.repeat(length).slice(0, length);
    expect(sha256(text)).toBe(createHash('sha256').update(text).digest('hex'));
  });
});
