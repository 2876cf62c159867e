import { assertInRange, checkOptions, mean, ShapeError, type OptionTable } from '@vitvq/core';
import { assertFeatureRows, type FeatureRows } from './feature-rows.js';

/** Options of {@link clipScore}. */
export interface ClipScoreOptions {
  /** Factor of the cosine. @default 100, as most reports; Hessel et al. have 2.5 */
  readonly scale?: number;
}

const clipScoreOptionNames: OptionTable<ClipScoreOptions> = { scale: 'optional' };

/** Scores of images with their texts. */
export interface ClipScore {
  /** Mean over the images. */
  readonly mean: number;
  /** Score of each image. */
  readonly ofImages: Float64Array;
}

/**
 * Returns the CLIP score of pairs of an image and a text (Hessel et al. 2021, arXiv:2104.08718):
 * `scale · max(cos(image, text), 0)`.
 * @param images  embeddings of images by CLIP's image tower, `[N, D]`
 * @param texts  embeddings of their texts by the text tower of the same network, in the same order
 * @throws {ConfigError} unless the factor is positive
 * @throws {ShapeError} @throws {DataError} for embeddings that are none, or do not fit each other
 */
export function clipScore(images: FeatureRows, texts: FeatureRows, options: ClipScoreOptions = {}): ClipScore {
  const where = 'clipScore';
  const { scale = 100 } = checkOptions(options, clipScoreOptionNames, where);
  assertInRange(scale, 'scale', where, Number.MIN_VALUE);
  const { dim } = images;
  const count = assertFeatureRows(images, 'embeddings of images', where);
  const textCount = assertFeatureRows(texts, 'embeddings of texts', where, { dim });
  if (count !== textCount) {
    throw new ShapeError({ where, expected: `${count} texts, one for each image`, got: String(textCount) });
  }
  const ofImages = Float64Array.from({ length: count }, (_, row) => {
    let [product, imageSquare, textSquare] = [0, 0, 0];
    for (let at = row * dim; at < (row + 1) * dim; at++) {
      const [image, text] = [images.data[at]!, texts.data[at]!];
      product += image * text;
      imageSquare += image * image;
      textSquare += text * text;
    }
    const length = Math.sqrt(imageSquare * textSquare);
    return length > 0 ? scale * Math.max(0, product / length) : 0;
  });
  return { mean: mean(ofImages), ofImages };
}
