import type { TransformerTrainingConfig } from './config.js';

/**
 * Training of VIM in the paper (arXiv:2110.04627, sec. 4 and 5.2): 450,000 steps with batches of
 * 1,024, Adafactor with beta1 0.9 and beta2 0.96, warm-up to 4.5e-4 in 5,000 steps, constant until
 * step 80,000, then exponentially down to 1e-5. The paper names neither weight decay nor clipping.
 * The first moment is float32 here and 8 bits in the paper.
 */
export const VIM_TRAINING = {
  duration: { steps: 450_000 },
  learningRate: { peak: 4.5e-4, end: 1e-5, warmup: 5_000 / 450_000, exponentialFrom: 80_000 / 450_000 },
  optimizer: { kind: 'adafactor', beta1: 0.9, beta2: 0.96, weightDecay: 0 },
  clipNorm: null,
  conditionDropRate: 0,
  seed: 0,
} as const satisfies TransformerTrainingConfig;

/** Batch size of {@link VIM_TRAINING} (arXiv:2110.04627, sec. 5.2). */
export const VIM_BATCH_SIZE = 1024;

/**
 * Training of small models in minutes on two cores; the result can be sampled with classifier-free
 * guidance.
 */
export const QUICKSTART_TRANSFORMER_TRAINING = {
  duration: { minutes: 5 },
  learningRate: { peak: 1e-3, end: 0, warmup: 0.05 },
  optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.96, epsilon: 1e-8, weightDecay: 0.05 },
  clipNorm: 1,
  ema: { decay: 0.99 },
  conditionDropRate: 0.1,
  seed: 0,
} as const satisfies TransformerTrainingConfig;

/** Batch size of {@link QUICKSTART_TRANSFORMER_TRAINING}. */
export const QUICKSTART_TRANSFORMER_BATCH_SIZE = 32;
