import { join } from 'node:path';
import { encodeToShards, openCodes, type CodeSource } from '@vitvq/codes';
import type { ImageDataset } from '@vitvq/data';
import { z } from 'zod';
import { CountProgress } from '../count-progress.js';
import { openViews } from '../image-views.js';
import { imageSizeOf } from '../image-size.js';
import { conditionsOf } from '../conditions.js';
import type { ResolvedTransformerStage } from '../config/run-config.js';
import type { RunContext } from '../run-context.js';
import { someOf } from '../run-images.js';
import { openTokenizer } from './tokenizer-stage.js';

/** What the encoding of images came to. */
export const codesResultSchema = z.strictObject({
  images: z.int(),
  views: z.int(),
  validationImages: z.int(),
});

/** Result of the codes' stage. */
export type CodesResult = z.output<typeof codesResultSchema>;

/** Set of images whose codes a run keeps. */
export type CodesPart = 'train' | 'validation';

/**
 * Encodes training images, as they are and mirrored, and the images to validate on. Goes on after
 * shards that are there.
 */
export async function encodeImages(context: RunContext, stage: ResolvedTransformerStage): Promise<CodesResult> {
  const { images, folder, view, signal } = context;
  const {
    codes,
    training: { evaluation },
  } = stage;
  const conditions = await conditionsOf(stage, images.train);
  const tokenizer = await openTokenizer(context);
  const imageSize = imageSizeOf(tokenizer);
  const encode = async (source: ImageDataset, part: CodesPart, views: number): Promise<number> => {
    view.log(`  ${part}: ${source.length} images in ${views === 1 ? 'one view' : `${views} views`}`);
    const progress = new CountProgress(view.openProgress({ show: [], signal }), views * source.length);
    try {
      const { images: count } = await encodeToShards({
        tokenizer,
        openBatches: (startAt) =>
          openViews(source, { imageSize, batchSize: evaluation.batchSize, startAt, onSkip: images.onSkip }),
        views,
        directory: join(folder.of('codes'), part),
        conditioner: conditions.ofSource(source),
        onProgress: ({ progress: done }) => progress.update(Math.round(done * views * source.length)),
        signal,
      });
      return count;
    } finally {
      progress.stop();
    }
  };
  try {
    return {
      images: await encode(someOf(images.train, codes.images), 'train', codes.views),
      views: codes.views,
      validationImages: await encode(someOf(images.validation, evaluation.images), 'validation', 1),
    };
  } finally {
    tokenizer.dispose();
  }
}

/** The codes that the stage left; the caller closes them. */
export function openCodesOf({ folder }: Pick<RunContext, 'folder'>, part: CodesPart): Promise<CodeSource> {
  return openCodes(join(folder.of('codes'), part));
}
