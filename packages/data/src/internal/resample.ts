import { unitOfByte, type CropPlan, type Pixels2D } from './crop.js';

/** For every output position, the first input position and the weights of it and those that follow. */
export interface ResampleWeights {
  readonly first: Int32Array;
  readonly weights: readonly Float32Array[];
}

/** Linear interpolation; when shrinking, the filter widens with the step, so that every input pixel counts. */
export function resampleWeights(inputSize: number, outputSize: number): ResampleWeights {
  const step = inputSize / outputSize;
  const reach = Math.max(step, 1);
  const first = new Int32Array(outputSize);
  const weights = Array.from({ length: outputSize }, (_, output) => {
    const centre = (output + 0.5) * step;
    const begin = Math.max(0, Math.ceil(centre - reach - 0.5));
    const end = Math.min(inputSize - 1, Math.floor(centre + reach - 0.5));
    first[output] = begin;
    const raw = Array.from({ length: end - begin + 1 }, (_, index) =>
      Math.max(0, 1 - Math.abs(begin + index + 0.5 - centre) / reach),
    );
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    return Float32Array.from(raw, (weight) => weight / total);
  });
  return { first, weights };
}

/** Scales and crops, each pixel the one of the original in which its centre lies; otherwise as `resampleCrop`. */
export function nearestCrop(
  pixels: Uint8Array,
  offset: number,
  [height, width]: Pixels2D,
  channels: number,
  { scaledHeight, scaledWidth, top, left }: CropPlan,
  [cropHeight, cropWidth]: Pixels2D,
  flip: boolean,
  output: Float32Array,
  outputOffset: number,
): void {
  const columns = Int32Array.from({ length: cropWidth }, (_, column) => {
    const from = left + (flip ? cropWidth - 1 - column : column);
    return Math.floor(((from + 0.5) * width) / scaledWidth);
  });
  let target = outputOffset;
  for (let row = 0; row < cropHeight; row++) {
    const line = Math.floor(((top + row + 0.5) * height) / scaledHeight) * width;
    for (const column of columns) {
      const source = offset + (line + column) * channels;
      for (let channel = 0; channel < channels; channel++) output[target++] = unitOfByte[pixels[source + channel]!]!;
    }
  }
}

/** Scales and crops an image of bytes (`[*, width, channels]` at `offset`) into floats in [0, 1]: rows first, then columns. */
export function resampleCrop(
  pixels: Uint8Array,
  offset: number,
  width: number,
  channels: number,
  vertical: ResampleWeights,
  horizontal: ResampleWeights,
  { top, left }: Pick<CropPlan, 'top' | 'left'>,
  [cropHeight, cropWidth]: Pixels2D,
  flip: boolean,
  output: Float32Array,
  outputOffset: number,
): void {
  const bottom = top + cropHeight - 1;
  const firstRow = vertical.first[top]!;
  const rows = vertical.first[bottom]! + vertical.weights[bottom]!.length - firstRow;
  const stride = cropWidth * channels;
  const narrowed = new Float32Array(rows * stride);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < cropWidth; column++) {
      const from = left + (flip ? cropWidth - 1 - column : column);
      const weights = horizontal.weights[from]!;
      const source = offset + ((firstRow + row) * width + horizontal.first[from]!) * channels;
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (let tap = 0; tap < weights.length; tap++)
          sum += weights[tap]! * unitOfByte[pixels[source + tap * channels + channel]!]!;
        narrowed[row * stride + column * channels + channel] = sum;
      }
    }
  }
  for (let row = 0; row < cropHeight; row++) {
    const weights = vertical.weights[top + row]!;
    const source = (vertical.first[top + row]! - firstRow) * stride;
    for (let position = 0; position < stride; position++) {
      let sum = 0;
      for (let tap = 0; tap < weights.length; tap++) sum += weights[tap]! * narrowed[source + tap * stride + position]!;
      output[outputOffset + row * stride + position] = Math.min(sum, 1);
    }
  }
}
