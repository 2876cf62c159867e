import {
  classGPT,
  everywhere,
  tinyBatches,
  tinyCodeBatches,
  tinyCodes,
  tinyImages,
  tinyModel,
  tinyTokenizerTraining,
  tinyTransformerTraining,
} from '@vitvq/test-models';
import { createTokenizerTrainer, type TokenizerTrainer } from '@vitvq/stage1-trainer';
import { createTransformerTrainer, type TransformerTrainer } from '@vitvq/stage2-trainer';
import { ClassConditioner } from '@vitvq/transformers';

/** Names of the trainings that are killed: each stage of a model has one. */
export const trainingNames = ['tokenizer', 'transformer'] as const;

/** A training that is killed. */
export type TrainingName = (typeof trainingNames)[number];

/** When what happens in a training, in steps. */
export interface TrainingPlan {
  readonly steps: number;
  readonly saveEvery: number;
  readonly evaluateEvery: number;
  /** Steps after which something new begins, which is evaluated first, by what begins. */
  readonly milestones: Readonly<Record<string, number>>;
  /** Metric of the checkpoint that is kept as the best. */
  readonly best: { readonly metric: string; readonly mode: 'highest' | 'lowest' };
}

/** Plans by training. */
export const plans: Readonly<Record<TrainingName, TrainingPlan>> = {
  tokenizer: {
    steps: 60,
    saveEvery: 3,
    evaluateEvery: 8,
    milestones: { 'discriminator learns': 15, 'adversarial loss': 30 },
    best: { metric: 'psnr', mode: 'highest' },
  },
  transformer: {
    steps: 60,
    saveEvery: 3,
    evaluateEvery: 8,
    milestones: {},
    best: { metric: 'natsPerToken', mode: 'lowest' },
  },
};

/** What both trainings are run with. */
function runOptions(directory: string, { saveEvery, best }: TrainingPlan) {
  return { directory, checkpoint: { everySteps: saveEvery }, best } as const;
}

/**
 * Creates a training of a tokenizer that uses everything that a resumed one has to find again:
 * codebook reset, a discriminator with R1, LeCam and running statistics, adversarial loss, EMA.
 */
function createTokenizerTraining(directory: string, plan: TrainingPlan): TokenizerTrainer {
  const { steps, evaluateEvery, milestones } = plan;
  return createTokenizerTrainer({
    ...runOptions(directory, plan),
    tokenizer: tinyModel(),
    config: tinyTokenizerTraining({
      duration: { steps },
      losses: { l2: 1, adversarial: 0.1 },
      codebook: { autoencoderFraction: 0, initializeFromData: true, resetEvery: 5 },
      discriminator: {
        model: { kind: 'patch', baseChannels: 2, depth: 1 },
        start: { step: milestones['discriminator learns']! },
        adversarialStart: { step: milestones['adversarial loss']! },
        r1: { weight: 1, every: 2 },
        leCam: { weight: 0.1, decay: 0.9 },
      },
      ema: { decay: 0.9 },
    }),
    openBatches: tinyBatches,
    evaluation: { images: tinyImages(4, 77), batchSize: 4, everySteps: evaluateEvery },
  });
}

/** Creates a training of a transformer: dropout, dropped conditions, micro-batches, EMA. */
function createTransformerTraining(directory: string, plan: TrainingPlan): TransformerTrainer {
  const { steps, evaluateEvery } = plan;
  return createTransformerTrainer({
    ...runOptions(directory, plan),
    model: classGPT({ dropout: everywhere }),
    conditioner: new ClassConditioner({ classCount: 3 }),
    config: tinyTransformerTraining({
      duration: { steps },
      conditionDropRate: 0.3,
      accumulate: 2,
      ema: { decay: 0.9 },
    }),
    openBatches: (startAt) => tinyCodeBatches(startAt),
    evaluation: { openBatches: () => [tinyCodes(1000), tinyCodes(1001)], everySteps: evaluateEvery },
  });
}

/** Creates a training that writes to a folder. The caller disposes of it. */
export const createTraining: Readonly<
  Record<TrainingName, (directory: string, plan: TrainingPlan) => TokenizerTrainer | TransformerTrainer>
> = { tokenizer: createTokenizerTraining, transformer: createTransformerTraining };
