import { randomKey, type Discriminator, type Module } from '@vitvq/core';
import { PatchDiscriminator, StyleDiscriminator, styleDiscriminatorChannels } from '@vitvq/discriminator';
import { hingeAdversarialLoss } from '@vitvq/losses';
import { tinyBatches, tinyImages, tinyModel, tinyStage1Plan } from '@vitvq/test-models';
import { Stage1Trainer, type DiscriminatorPlan, type Stage1Plan, type Stage1TrainerOptions } from '../src/index.js';

export function tinyDiscriminator(seed = 5): Discriminator & Module {
  return new StyleDiscriminator({
    size: 8,
    channels: styleDiscriminatorChannels({ width: 4 }),
    stddevGroup: 2,
    key: randomKey(seed),
  });
}

/** Batch norm: running statistics are state that no optimizer moves. */
export function tinyPatchDiscriminator(seed = 5): Discriminator & Module {
  return new PatchDiscriminator({ baseChannels: 2, depth: 1, key: randomKey(seed) });
}

export function tinyGanPlan(changes: Partial<Stage1Plan> = {}, discriminator: DiscriminatorPlan = {}): Stage1Plan {
  return tinyStage1Plan({
    losses: { l2: 1, adversarial: 0.1 },
    discriminator: { r1: { weight: 1, every: 2 }, leCam: { weight: 0.1, decay: 0.9 }, ...discriminator },
    movingAverage: { decay: 0.9 },
    ...changes,
  });
}

export function tinyGanTrainer(options: Partial<Stage1TrainerOptions> = {}): Stage1Trainer {
  return new Stage1Trainer({
    tokenizer: tinyModel(),
    plan: tinyGanPlan(),
    adversarial: { discriminator: tinyPatchDiscriminator(), loss: hingeAdversarialLoss },
    openBatches: tinyBatches,
    ...options,
  });
}

/** Steps of the run that is killed; enough for some to be lost each time. */
const killedSteps = 40;

/** A run that uses everything that a resumed one has to find again. */
export function killedTrainer(directory: string): Stage1Trainer {
  return tinyGanTrainer({
    plan: tinyGanPlan({ duration: { steps: killedSteps } }),
    directory,
    checkpoint: { everySteps: 4 },
    evaluation: { images: tinyImages(4, 77), batchSize: 4, everySteps: 8 },
    best: { metric: 'psnr', mode: 'highest' },
  });
}
