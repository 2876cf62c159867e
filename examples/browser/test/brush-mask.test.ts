import { describe, expect, it } from 'vitest';
import { maskOfPixels } from '@vitvq/sampling';
import { BrushMask, pixelsUnder, type Stroke } from '../page/brush-mask.js';

const shape = { image: { height: 12, width: 16 }, grid: [3, 4] } as const;
const at = (x: number, y: number): { x: number; y: number } => ({ x, y });

function painted(stroke: Stroke): number[] {
  const mask = new BrushMask(shape);
  mask.paint(stroke);
  return [...mask.painted].sort((a, b) => a - b);
}

describe('BrushMask', () => {
  it('paints over the tokens of which a pixel is painted, as maskOfPixels has it', () => {
    for (const stroke of [
      { from: at(1, 1), to: at(1, 1), radius: 0 },
      { from: at(4, 4), to: at(4, 4), radius: 2 },
      { from: at(-3, 5), to: at(20, 11), radius: 1.5 },
      { from: at(15.9, 11.9), to: at(2, 0.5), radius: 4 },
    ]) {
      const data = new Uint8Array(12 * 16);
      for (const pixel of pixelsUnder(stroke, shape.image)) data[pixel] = 1;
      const expected = maskOfPixels({ data, shape: [1, 12, 16] }, shape.grid).data;
      expect(painted(stroke)).toEqual([...expected.keys()].filter((position) => expected[position] === 1));
    }
  });

  it('paints the pixel under a brush of no size, and a whole line without gaps', () => {
    expect(painted({ from: at(5.5, 9), to: at(5.5, 9), radius: 0 })).toEqual([9]);
    expect(painted({ from: at(0.5, 2), to: at(15.5, 2), radius: 0.5 })).toEqual([0, 1, 2, 3]);
  });

  it('covers a circle', () => {
    expect(pixelsUnder({ from: at(8, 6), to: at(8, 6), radius: 1 }, shape.image).sort((a, b) => a - b)).toEqual(
      [
        [5, 7],
        [5, 8],
        [6, 7],
        [6, 8],
      ].map(([y, x]) => y! * 16 + x!),
    );
  });

  it('paints nothing beside the picture', () => {
    expect(painted({ from: at(30, 30), to: at(40, 31), radius: 3 })).toEqual([]);
  });

  it('takes paint away', () => {
    const mask = new BrushMask(shape);
    mask.paint({ from: at(0.5, 2), to: at(15.5, 2), radius: 0.5 });
    mask.erase({ from: at(0.5, 2), to: at(5, 2), radius: 0.5 });
    expect([...mask.painted]).toEqual([2, 3]);
    expect(mask.toggle(2)).toBe(false);
    expect(mask.toggle(11)).toBe(true);
    expect([...mask.painted]).toEqual([3, 11]);
    mask.clear();
    expect(mask.painted.size).toBe(0);
  });
});
