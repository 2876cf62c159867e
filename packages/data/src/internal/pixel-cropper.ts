import type { PixelStorage } from '../image-source.js';
import { CENTRE, copyCrop, planCrop, type CropDraws, type CropSettings, type Pixels2D } from './crop.js';
import { nearestCrop, resampleCrop, resampleWeights } from './resample.js';

/** Crops images of one size that are in memory. */
export class PixelCropper {
  readonly channels: number;
  /** Values of a crop. */
  readonly length: number;
  /** Writes the crop of an image of the source, `[H, W, C]` in [0, 1]. */
  readonly cropInto: (index: number, draws: CropDraws, output: Float32Array, offset: number) => void;

  /** @param original  size of the images that these belong to, by which crops are planned; their own where they are no partners */
  constructor(
    { pixels, height, width, channels, rows, resampling }: PixelStorage,
    crop: CropSettings,
    original: Pixels2D,
  ) {
    this.channels = channels;
    this.length = crop.imageSize[0] * crop.imageSize[1] * channels;
    const size = height * width * channels;
    const { scaledHeight, scaledWidth } = planCrop(original, crop, CENTRE);
    const isScaled = scaledHeight !== height || scaledWidth !== width;
    const vertical = resampleWeights(height, scaledHeight);
    const horizontal = resampleWeights(width, scaledWidth);
    this.cropInto = (index, draws, output, offset) => {
      const plan = planCrop(original, crop, draws);
      const start = rows[index]! * size;
      const { imageSize } = crop;
      const { flip } = draws;
      if (resampling === 'nearest') {
        nearestCrop(pixels, start, [height, width], channels, plan, imageSize, flip, output, offset);
      } else if (isScaled) {
        resampleCrop(pixels, start, width, channels, vertical, horizontal, plan, imageSize, flip, output, offset);
      } else {
        copyCrop(pixels, start, width, channels, plan, imageSize, flip, output, offset);
      }
    };
  }
}
