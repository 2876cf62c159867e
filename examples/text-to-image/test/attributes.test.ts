import { describe, expect, it } from 'vitest';
import { measureAttributes } from '../src/attributes.js';

type Color = readonly [number, number, number];

/** 4x4 pixels by row and column. */
const image = (colorAt: (y: number, x: number) => Color): Float32Array =>
  Float32Array.from(Array.from({ length: 16 }, (_, pixel) => colorAt(Math.floor(pixel / 4), pixel % 4)).flat());
const measured = (colorAt: (y: number, x: number) => Color) => measureAttributes(image(colorAt), [4, 4]);

describe('measureAttributes', () => {
  it.each<[string, Color]>([
    ['black', [0.1, 0.1, 0.15]],
    ['white', [0.95, 0.95, 0.9]],
    ['grey', [0.5, 0.52, 0.5]],
    ['red', [0.8, 0.1, 0.1]],
    ['brown', [0.5, 0.35, 0.2]],
    ['yellow', [0.9, 0.85, 0.2]],
    ['green', [0.2, 0.6, 0.25]],
    ['blue', [0.3, 0.5, 0.9]],
  ])('calls a colour %s', (name, color) => {
    expect(measured(() => color).color).toBe(name);
  });

  it('names no colour that few pixels have, nor one that has no name', () => {
    expect(measured((y, x) => (y === 0 && x < 3 ? [0.8, 0.1, 0.1] : [0.6, 0.2, 0.6])).color).toBeUndefined();
    // Seven pixels of sixteen are enough, and the more frequent one counts.
    const blue: Color = [0.3, 0.5, 0.9];
    expect(measured((y, x) => (4 * y + x < 7 ? blue : [0.2, 0.6, 0.25])).color).toBe('green');
    expect(measured((y, x) => (4 * y + x < 7 ? blue : [0.6, 0.2, 0.6])).color).toBe('blue');
  });

  it('calls an image dark or bright by its mean, or neither', () => {
    expect(measured(() => [0.2, 0.2, 0.2]).brightness).toBe('dark');
    expect(measured(() => [0.8, 0.8, 0.8]).brightness).toBe('bright');
    expect(measured(() => [0.5, 0.5, 0.5])).toEqual({ color: 'grey' });
  });

  it('says which half is brighter, where one clearly is', () => {
    const [light, dim]: Color[] = [
      [0.7, 0.7, 0.7],
      [0.4, 0.4, 0.4],
    ];
    expect(measured((y) => (y < 2 ? light! : dim!)).side).toBe('top');
    expect(measured((y) => (y < 2 ? dim! : light!)).side).toBe('bottom');
    expect(measured((_, x) => (x < 2 ? light! : dim!)).side).toBe('left side');
    expect(measured((_, x) => (x < 2 ? dim! : light!)).side).toBe('right side');
    // A quarter lies in both halves: the larger difference counts.
    expect(measured((y, x) => (x < 2 || (y < 2 && x === 2) ? light! : dim!)).side).toBe('left side');
    expect(measured((y) => (y < 2 ? light! : [0.6, 0.6, 0.6])).side).toBeUndefined();
  });
});
