import { randomKey, type Discriminator } from '@vitvq/core';
import { PatchDiscriminator, StyleDiscriminator, styleDiscriminatorChannels } from '@vitvq/discriminator';
import { hingeAdversarialLoss } from '@vitvq/losses';
import { tinyBatches, tinyImages, tinyModel, tinyTokenizerTraining } from '@vitvq/test-models';
import type { AdamConfig } from '@vitvq/training';
import {
  createTokenizerTrainer,
  type DiscriminatorTrainingConfig,
  type TokenizerTrainer,
  type TokenizerTrainingConfig,
  type TokenizerTrainerOptions,
} from '../src/index.js';

export function tinyDiscriminator(seed = 5): Discriminator {
  return new StyleDiscriminator({
    size: 8,
    channels: styleDiscriminatorChannels({ width: 4 }),
    stddevGroup: 2,
    key: randomKey(seed),
  });
}

/** Batch norm: running statistics are state that no optimizer moves. */
export function tinyPatchDiscriminator(seed = 5): Discriminator {
  return new PatchDiscriminator({ baseChannels: 2, depth: 1, key: randomKey(seed) });
}

export function tinyGanConfig(
  changes: Partial<TokenizerTrainingConfig> = {},
  discriminator: DiscriminatorTrainingConfig = {},
): TokenizerTrainingConfig {
  return tinyTokenizerTraining({
    losses: { l2: 1, adversarial: 0.1 },
    discriminator: { r1: { weight: 1, every: 2 }, leCam: { weight: 0.1, decay: 0.9 }, ...discriminator },
    ema: { decay: 0.9 },
    ...changes,
  });
}

export function tinyGanTrainer(options: Partial<TokenizerTrainerOptions> = {}): TokenizerTrainer {
  return createTokenizerTrainer({
    tokenizer: tinyModel(),
    config: tinyGanConfig(),
    adversarial: { discriminator: tinyPatchDiscriminator(), loss: hingeAdversarialLoss },
    openBatches: tinyBatches,
    ...options,
  });
}

/** When what happens in the run of {@link killedTrainer}, in steps. */
export const killedPlan = {
  steps: 60,
  /** Before the step with this index the discriminator begins to learn. */
  discriminatorStart: 15,
  /** Before the step with this index its loss joins the autoencoder's. */
  adversarialStart: 30,
  resetEvery: 5,
  evaluateEvery: 8,
  saveEvery: 3,
} as const;

/** A run that uses everything that a resumed one has to find again. */
export function killedTrainer(directory: string): TokenizerTrainer {
  const { steps, discriminatorStart, adversarialStart, resetEvery, evaluateEvery, saveEvery } = killedPlan;
  return tinyGanTrainer({
    config: tinyGanConfig(
      {
        duration: { steps },
        codebook: { autoencoderFraction: 0, initializeFromData: true, resetEvery },
      },
      { start: { fraction: discriminatorStart / steps }, adversarialStart: { fraction: adversarialStart / steps } },
    ),
    directory,
    checkpoint: { everySteps: saveEvery },
    evaluation: { images: tinyImages(4, 77), batchSize: 4, everySteps: evaluateEvery },
    best: { metric: 'psnr', mode: 'highest' },
  });
}

/** The config's optimizer, which is Adam in all tests. */
export function adamOf({ optimizer }: TokenizerTrainingConfig): AdamConfig {
  if (optimizer.kind === 'adafactor') throw new Error('not Adam');
  return optimizer;
}
