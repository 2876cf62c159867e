/** Places along an axis and their weights, which make one place of a resized axis. */
export type Taps = readonly (readonly [source: number, weight: number])[];

/**
 * Returns four places of a bicubic filter (a = -0.75), as PyTorch has it.
 * @param scale  length of a place of the resized axis
 */
export function plainTaps(target: number, from: number, scale: number): Taps {
  const center = (target + 0.5) * scale - 0.5;
  const first = Math.floor(center);
  return [-1, 0, 1, 2].map((offset) => {
    const source = Math.min(Math.max(first + offset, 0), from - 1);
    return [source, cubic(first + offset - center, -0.75)];
  });
}

/**
 * Returns the places of a bicubic filter (a = -0.5) that averages where it shrinks, as Pillow and
 * PyTorch with `antialias` have it.
 */
export function averagingTaps(target: number, from: number, to: number): Taps {
  const scale = from / to;
  const filterScale = Math.max(scale, 1);
  const center = (target + 0.5) * scale;
  const begin = Math.max(Math.trunc(center - 2 * filterScale + 0.5), 0);
  const end = Math.min(Math.trunc(center + 2 * filterScale + 0.5), from);
  const weights = Array.from({ length: end - begin }, (_, index) =>
    cubic((begin + index - center + 0.5) / filterScale, -0.5),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight, index) => [begin + index, weight / sum]);
}

/** Keys' cubic filter. */
function cubic(x: number, a: number): number {
  const distance = Math.abs(x);
  if (distance < 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  return distance < 2 ? (((distance - 5) * distance + 8) * distance - 4) * a : 0;
}
