import { join } from 'node:path';
import { openCodes, type CodeSource } from '@vitvq/codes';
import type { ImageDataset } from '@vitvq/data';
import { z } from 'zod';
import type { RunConditions } from '../conditions.js';
import type { ResolvedTransformerStage } from '../config/run-config.js';
import { encodeViews } from '../encode-views.js';
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
export async function encodeImages(
  context: RunContext,
  { codes, training: { evaluation } }: ResolvedTransformerStage,
  conditions: RunConditions,
): Promise<CodesResult> {
  const { images, folder, view, signal } = context;
  const tokenizer = await openTokenizer(context);
  const encode = (source: ImageDataset, part: CodesPart, views: number): Promise<number> => {
    view.log(`  ${part}: ${source.length} images in ${views === 1 ? 'one view' : `${views} views`}`);
    return encodeViews(source, {
      tokenizer,
      views,
      batchSize: evaluation.batchSize,
      directory: join(folder.of('codes'), part),
      conditioner: conditions.ofSource(source),
      onSkip: images.onSkip,
      view,
      signal,
    });
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
