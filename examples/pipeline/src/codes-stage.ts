import { join } from 'node:path';
import { z } from 'zod';
import { encodeToShards, openCodes, type CodeSource } from '@vitvq/codes';
import type { ImageDataset } from '@vitvq/data';
import { imageRange } from '@vitvq/example-shared';
import { batchSizesOf, imageSizeOf, VALIDATION_IMAGES, VIEWS, type Amounts } from './config.js';
import { openViews } from './data.js';
import type { StageContext } from './stage-context.js';
import { openTokenizer } from './tokenizer-stage.js';

export const codesSchema = z.strictObject({
  images: z.int(),
  views: z.int(),
  validationImages: z.int(),
});
export type CodesResult = z.output<typeof codesSchema>;

/**
 * Codes of training images, as they are and mirrored, and of the images to validate on. Goes on
 * after shards that are there.
 */
export async function encodeImages(context: StageContext, amounts: Amounts): Promise<CodesResult> {
  const { settings, images, folder, signal } = context;
  const imageSize = imageSizeOf(settings);
  const { evaluation: batchSize } = batchSizesOf(settings);
  const tokenizer = await openTokenizer(context);
  const encode = async (source: ImageDataset, part: Part, views: number): Promise<number> => {
    console.log(`  ${part}: ${source.length} images in ${views === 1 ? 'one view' : `${views} views`}`);
    const { images: count } = await encodeToShards({
      tokenizer,
      openBatches: (startAt) => openViews(source, { imageSize, batchSize, startAt }),
      views,
      directory: join(folder.of('codes'), part),
      signal,
    });
    return count;
  };
  try {
    return {
      images: await encode(imageRange(images.train, 0, amounts.codes), 'train', VIEWS),
      views: VIEWS,
      validationImages: await encode(imageRange(images.test, 0, VALIDATION_IMAGES), 'validation', 1),
    };
  } finally {
    tokenizer.dispose();
  }
}

type Part = 'train' | 'validation';

/** The codes that the stage left; the caller closes them. */
export function openCodesOf({ folder }: StageContext, part: Part): Promise<CodeSource> {
  return openCodes(join(folder.of('codes'), part));
}
