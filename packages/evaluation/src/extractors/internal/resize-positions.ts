import type { HostTensor } from '@vitvq/core';
import { averagingTaps, plainTaps } from './cubic-taps.js';

/**
 * Resizes a table of positions `[1, 1 + M², D]` to `[1 + N², D]` as the code of DINOv2 does, by the
 * bicubic filters of PyTorch; the first row, of the class token, stays. The filter takes 4
 * positions (a = -0.75) and an offset of 0.1 that the code adds to N, or with `antialias` as many
 * as it averages (a = -0.5), and no offset.
 */
export function resizePositions({ shape, data }: HostTensor, from: number, to: number, antialias: boolean): HostTensor {
  const width = shape[2]!;
  const result = new Float32Array((1 + to * to) * width);
  result.set(data.subarray(0, width));
  if (from === to) {
    result.set(data);
    return { shape: [1 + to * to, width], data: result };
  }
  const taps = Array.from({ length: to }, (_, target) =>
    antialias ? averagingTaps(target, from, to) : plainTaps(target, from, from / (to + 0.1)),
  );
  for (let row = 0; row < to; row++) {
    for (let column = 0; column < to; column++) {
      const sum = new Float64Array(width);
      for (const [sourceRow, rowWeight] of taps[row]!) {
        for (const [sourceColumn, columnWeight] of taps[column]!) {
          const start = (1 + sourceRow * from + sourceColumn) * width;
          for (let at = 0; at < width; at++) sum[at]! += rowWeight * columnWeight * data[start + at]!;
        }
      }
      result.set(sum, (1 + row * to + column) * width);
    }
  }
  return { shape: [1 + to * to, width], data: result };
}
