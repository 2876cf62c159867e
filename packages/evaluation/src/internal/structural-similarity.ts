/** How local means are taken. */
export interface Window {
  /** Weights of a row of the window, whose sum is 1; the window is their product with a column. */
  readonly weights: Float64Array;
  /** Factor of the variances: n / (n - 1) for those of a sample, otherwise 1. */
  readonly correction: number;
}

/** Window of Wang et al. 2004: a Gaussian of deviation 1.5, cut off after 5 pixels. */
export const gaussianWindow: Window = { weights: gaussianWeights(1.5, 5), correction: 1 };

/** Window that scikit-image has by default: the mean of 7 x 7 pixels, variances of samples. */
export const uniformWindow: Window = { weights: new Float64Array(7).fill(1 / 7), correction: 49 / 48 };

/** A channel of an image. */
export interface Channel {
  /** `[height, width]` row-major, in [0, 1]. */
  readonly values: Float64Array;
  readonly height: number;
  readonly width: number;
}

/** Means over all positions of the window that lie within the image. */
export interface Similarity {
  /** The product of luminance, contrast and structure (equation 13 of Wang et al. 2004). */
  readonly full: number;
  /** The product of contrast and structure. */
  readonly contrastAndStructure: number;
}

/** K1 and K2 of Wang et al. 2004, squared, for values in [0, 1]. */
const [c1, c2] = [0.01 ** 2, 0.03 ** 2];

/** Compares two channels of one size that is not smaller than the window. */
export function similarityOfChannels(a: Channel, b: Channel, { weights, correction }: Window): Similarity {
  const { height, width } = a;
  const size = weights.length;
  const columns = width - size + 1;
  const positions = (height - size + 1) * columns;
  // Five moments at each place of a row of windows: a, b, a², b², ab.
  const rowMoments = new Float64Array(5 * height * columns);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < columns; column++) {
      let [meanA, meanB, squareA, squareB, product] = [0, 0, 0, 0, 0];
      for (let tap = 0; tap < size; tap++) {
        const weight = weights[tap]!;
        const valueA = a.values[row * width + column + tap]!;
        const valueB = b.values[row * width + column + tap]!;
        meanA += weight * valueA;
        meanB += weight * valueB;
        squareA += weight * valueA * valueA;
        squareB += weight * valueB * valueB;
        product += weight * valueA * valueB;
      }
      const at = 5 * (row * columns + column);
      rowMoments[at] = meanA;
      rowMoments[at + 1] = meanB;
      rowMoments[at + 2] = squareA;
      rowMoments[at + 3] = squareB;
      rowMoments[at + 4] = product;
    }
  }
  let [full, contrastAndStructure] = [0, 0];
  for (let row = 0; row + size <= height; row++) {
    for (let column = 0; column < columns; column++) {
      let [meanA, meanB, squareA, squareB, product] = [0, 0, 0, 0, 0];
      for (let tap = 0; tap < size; tap++) {
        const weight = weights[tap]!;
        const at = 5 * ((row + tap) * columns + column);
        meanA += weight * rowMoments[at]!;
        meanB += weight * rowMoments[at + 1]!;
        squareA += weight * rowMoments[at + 2]!;
        squareB += weight * rowMoments[at + 3]!;
        product += weight * rowMoments[at + 4]!;
      }
      const variances = correction * (squareA - meanA * meanA + squareB - meanB * meanB);
      const covariance = correction * (product - meanA * meanB);
      const second = (2 * covariance + c2) / (variances + c2);
      contrastAndStructure += second;
      full += ((2 * meanA * meanB + c1) / (meanA * meanA + meanB * meanB + c1)) * second;
    }
  }
  return { full: full / positions, contrastAndStructure: contrastAndStructure / positions };
}

/**
 * Halves a channel: the mean of each 2 x 2 pixels. An odd row or column is doubled at the end, as
 * `tf.image.ssim_multiscale` of TensorFlow does.
 */
export function halved({ values, height, width }: Channel): Channel {
  const [rows, columns] = [Math.ceil(height / 2), Math.ceil(width / 2)];
  const result = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const [upper, lower] = [2 * row * width, Math.min(2 * row + 1, height - 1) * width];
    for (let column = 0; column < columns; column++) {
      const [left, right] = [2 * column, Math.min(2 * column + 1, width - 1)];
      const sum = values[upper + left]! + values[upper + right]! + values[lower + left]! + values[lower + right]!;
      result[row * columns + column] = sum / 4;
    }
  }
  return { values: result, height: rows, width: columns };
}

function gaussianWeights(deviation: number, radius: number): Float64Array {
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, tap) =>
    Math.exp(-((tap - radius) ** 2) / (2 * deviation ** 2)),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}
