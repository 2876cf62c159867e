import { randomKey, type Discriminator } from '@vitvq/core';
import { PatchDiscriminator, StyleDiscriminator, styleDiscriminatorChannels } from '@vitvq/discriminator';
import { hingeAdversarialLoss } from '@vitvq/losses';
import { tinyBatches, tinyModel, tinyTokenizerTraining } from '@vitvq/test-models';
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

/** The config's optimizer, which is Adam in all tests. */
export function adamOf({ optimizer }: TokenizerTrainingConfig): AdamConfig {
  if (optimizer.kind === 'adafactor') throw new Error('not Adam');
  return optimizer;
}
