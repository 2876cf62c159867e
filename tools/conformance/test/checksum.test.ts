import { describe, expect, it } from 'vitest';
import { checksum, fnv1a, hashSym } from '../src/checksum.js';

describe('hash rule', () => {
  it('gives the examples of the fixture format', () => {
    expect([0, 1, 2, 3].map((index) => hashSym(index, 7))).toEqual([
      0.1363417962566018, 0.36544699082151055, -0.7107669813558459, 0.1245481469668448,
    ]);
    expect(fnv1a('abc')).toBe(440920331);
  });

  it('hashes names as UTF-8', () => {
    expect(fnv1a('')).toBe(0x811c9dc5);
    expect(fnv1a('é')).not.toBe(fnv1a('e'));
  });
});

describe('checksum', () => {
  it('is sum, l2 norm and hashed sum', () => {
    const { shape, data } = checksum('abc', { shape: [2], data: Float32Array.of(3, -4) });
    expect(shape).toEqual([3]);
    expect(data[0]).toBe(-1);
    expect(data[1]).toBe(5);
    expect(data[2]).toBeCloseTo(3 * hashSym(0, 440920331) - 4 * hashSym(1, 440920331), 6);
  });
});
