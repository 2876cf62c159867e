import { foldIn, randomKey } from '@vitvq/core';
import { createBatches, readImages } from '@vitvq/data';
import { openExampleImages } from '@vitvq/example-shared';
import { createTokenizerTrainer, QUICKSTART_BATCH_SIZE, QUICKSTART_TRAINING } from '@vitvq/stage1-trainer';
import { createTokenizer, QUICKSTART, type ViTTokenizerConfig } from '@vitvq/tokenizer';
import { attentionOf, kindNames } from './kinds.js';
import type { TrainingResult } from './results.js';

/** How long tokenizers train, and on what. */
export interface TrainingSettings {
  readonly kinds: readonly string[];
  readonly steps: number;
  readonly seed: number;
  /** Pixels of a patch; images have 32. */
  readonly patchSize: number;
  /** Whether made-up images take the place of CIFAR-10. */
  readonly smoke: boolean;
}

const imageSize = QUICKSTART.imageSize;
const heldOutBatch = 50;

/**
 * Trains the quickstart's tokenizer with each kind of attention on both sides, from the same seed
 * on the same images of CIFAR-10, and measures it on held-out ones.
 */
export async function* trainKinds({
  kinds,
  steps,
  seed,
  patchSize,
  smoke,
}: TrainingSettings): AsyncGenerator<TrainingResult> {
  const madeUp = {
    train: { kind: 'made-up', count: 64, imageSize },
    validation: { kind: 'made-up', count: 32, from: 64, imageSize },
  };
  const images = await openExampleImages({ heldOut: 500, seed, ...(smoke && { changes: madeUp }) });
  const heldOut = await readImages(images.validation, { imageSize });
  const configs = attentionOf(imageSize / patchSize);
  for (const kind of kindNames.filter((name) => kinds.includes(name))) {
    const size = { ...QUICKSTART.encoder, attention: configs[kind] };
    const config: ViTTokenizerConfig = { ...QUICKSTART, patchSize, encoder: size, decoder: size };
    const tokenizer = createTokenizer(config, { seed });
    const trainer = createTokenizerTrainer({
      tokenizer,
      config: { ...QUICKSTART_TRAINING, duration: { steps }, seed },
      openBatches: (startAt) => {
        const shown = { batchSize: QUICKSTART_BATCH_SIZE, imageSize, flip: true, shuffle: true, startAt };
        return createBatches(images.train, { ...shown, key: foldIn(randomKey(seed), 101) });
      },
      evaluation: { images: heldOut, batchSize: heldOutBatch },
    });
    const { evaluation } = await trainer.run();
    yield { kind, psnr: evaluation!.psnr, parameters: tokenizer.parameterCount() };
    trainer.dispose();
    tokenizer.dispose();
  }
}
