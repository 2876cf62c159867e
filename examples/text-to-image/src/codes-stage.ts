import { join } from 'node:path';
import { z } from 'zod';
import { encodeToShards, openCodes, type CodeSource } from '@vitvq/codes';
import { createBatches } from '@vitvq/data';
import { batchSizesOf } from './config.js';
import type { StageContext } from './stage-context.js';
import { readTokenizer } from './tokenizer-stage.js';

export const codesSchema = z.strictObject({ train: z.int(), test: z.int() });
export type CodesResult = z.output<typeof codesSchema>;

/**
 * Codes of all images, as they are: mirrored, a caption that says left or right would be wrong.
 * Goes on after shards that are there.
 */
export async function encodeImages(context: StageContext): Promise<CodesResult> {
  const { settings, data, text, folder, signal } = context;
  const tokenizer = await readTokenizer(context);
  const imageSize = tokenizer.imageSize!;
  const onSkip = data.onSkip && { onSkip: data.onSkip };
  const { evaluation: batchSize } = batchSizesOf(settings);
  const encode = async (part: Part): Promise<number> => {
    const { images } = await encodeToShards({
      tokenizer,
      openBatches: (startAt) =>
        createBatches(data[part].source, { imageSize, batchSize, lastBatch: 'pad', startAt, ...onSkip }),
      // The captions' tokens are kept beside the codes.
      conditioner: text.conditionerOf(data[part]),
      directory: join(folder.of('codes'), part),
      signal,
    });
    return images;
  };
  try {
    return { train: await encode('train'), test: await encode('test') };
  } finally {
    tokenizer.dispose();
  }
}

type Part = 'train' | 'test';

/** The codes that the stage left; the caller closes them. */
export function openCodesOf({ folder }: StageContext, part: Part): Promise<CodeSource> {
  return openCodes(join(folder.of('codes'), part));
}
