import type { CropRegion } from './crop-region.js';
import { unitOfByte, type Raster, type RasterView } from './raster.js';

/**
 * For every output position, the first input position and the weights of that one and those that
 * follow.
 */
interface ResampleWeights {
  readonly first: Int32Array;
  readonly weights: readonly Float32Array[];
}

/**
 * Pairs of sizes whose weights are kept; a source of images of many sizes would otherwise fill the
 * memory.
 */
const KEPT_WEIGHTS = 64;

/**
 * Scales images with linear interpolation and remembers the weights, which depend on the sizes
 * alone.
 */
export class Resampler {
  readonly #weights = new Map<string, ResampleWeights>();

  /** Scales and crops: columns first, then rows. */
  resample(source: Raster, region: CropRegion, { data, offset }: RasterView): void {
    const { top, height, width } = region;
    const { first, weights } = this.#weightsOf(source.height, region.scaledHeight);
    const bottom = top + height - 1;
    const firstRow = first[top]!;
    const rows = first[bottom]! + weights[bottom]!.length - firstRow;
    const narrowed = this.#narrow(source, region, firstRow, rows);
    const stride = width * source.channels;
    for (let row = 0; row < height; row++) {
      const taps = weights[top + row]!;
      const from = (first[top + row]! - firstRow) * stride;
      for (let position = 0; position < stride; position++) {
        let sum = 0;
        for (let tap = 0; tap < taps.length; tap++) sum += taps[tap]! * narrowed[from + tap * stride + position]!;
        data[offset + row * stride + position] = Math.min(sum, 1);
      }
    }
  }

  /**
   * `rows` rows of the original, scaled and cropped horizontally: `[rows, width of the crop,
   * channels]`.
   */
  #narrow(
    { pixels, width, channels }: Raster,
    { scaledWidth, left, width: cropWidth, flip }: CropRegion,
    firstRow: number,
    rows: number,
  ): Float32Array {
    const { first, weights } = this.#weightsOf(width, scaledWidth);
    const narrowed = new Float32Array(rows * cropWidth * channels);
    let target = 0;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < cropWidth; column++) {
        const at = left + (flip ? cropWidth - 1 - column : column);
        const taps = weights[at]!;
        const from = ((firstRow + row) * width + first[at]!) * channels;
        for (let channel = 0; channel < channels; channel++) {
          let sum = 0;
          for (let tap = 0; tap < taps.length; tap++)
            sum += taps[tap]! * unitOfByte[pixels[from + tap * channels + channel]!]!;
          narrowed[target++] = sum;
        }
      }
    }
    return narrowed;
  }

  #weightsOf(inputSize: number, outputSize: number): ResampleWeights {
    const sizes = `${inputSize} ${outputSize}`;
    const known = this.#weights.get(sizes);
    if (known) return known;
    if (this.#weights.size === KEPT_WEIGHTS) this.#weights.clear();
    const weights = resampleWeights(inputSize, outputSize);
    this.#weights.set(sizes, weights);
    return weights;
  }
}

/**
 * Linear interpolation; when shrinking, the filter widens with the step, so that every input pixel
 * counts.
 */
function resampleWeights(inputSize: number, outputSize: number): ResampleWeights {
  const step = inputSize / outputSize;
  const reach = Math.max(step, 1);
  const first = new Int32Array(outputSize);
  const weights = Array.from({ length: outputSize }, (_, output) => {
    const center = (output + 0.5) * step;
    const begin = Math.max(0, Math.ceil(center - reach - 0.5));
    const end = Math.min(inputSize - 1, Math.floor(center + reach - 0.5));
    first[output] = begin;
    const raw = Array.from({ length: end - begin + 1 }, (_, index) =>
      Math.max(0, 1 - Math.abs(begin + index + 0.5 - center) / reach),
    );
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    return Float32Array.from(raw, (weight) => weight / total);
  });
  return { first, weights };
}
