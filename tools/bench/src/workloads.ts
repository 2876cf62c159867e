/**
 * What is measured, through our public API: the same models, batches, losses and optimizers as the
 * PyTorch peers have.
 */
import * as tf from '@tensorflow/tfjs-core';
import { randomKey, randomUniform } from '@vitvq/core';
import { StyleDiscriminator, styleDiscriminatorChannels } from '@vitvq/discriminator';
import { compile, type Precision } from '@vitvq/engine';
import { ViTDecoder, ViTEncoder } from '@vitvq/layers';
import { vanillaAdversarialLoss } from '@vitvq/losses';
import { AdamW, type Optimizer } from '@vitvq/optim';
import { createQuantizer } from '@vitvq/quantizers';
import { createDiscriminatorGradients, createTokenizerGradients, type ImageGradients } from '@vitvq/stage1-trainer';
import { createTokenizer, VQTokenizer } from '@vitvq/tokenizer';
import { gradientStep, type GradientStepResult } from '@vitvq/training';
import { gptSample, gptStep } from './transformer-workloads.js';
import type { Preset, TimedRun, Workload } from './workload.js';

const transformer = (dim: number, depth: number, numHeads: number) => ({ dim, depth, numHeads, mlpDim: 4 * dim });

/**
 * `TOKENIZER` and `GPT` of peer_pytorch.py and `PRESETS` of peer/gan_step.py. `tiny` is for tests,
 * `base` for GPUs.
 */
export const presets = {
  tiny: {
    model: {
      architecture: 'vit',
      imageSize: 16,
      patchSize: 4,
      encoder: transformer(32, 1, 2),
      decoder: transformer(32, 1, 2),
      quantizer: { kind: 'vector', codebookSize: 64, codeDim: 8 },
    },
    batch: 4,
    discriminatorWidth: 8,
    gpt: { vocabSize: 64, classes: 3, grid: [4, 4], dim: 32, depth: 1, numHeads: 2, batch: 4 },
  },
  quick: {
    model: {
      architecture: 'vit',
      imageSize: 64,
      patchSize: 8,
      encoder: transformer(256, 4, 4),
      decoder: transformer(256, 4, 4),
      quantizer: { kind: 'vector', codebookSize: 1024, codeDim: 32 },
    },
    batch: 16,
    discriminatorWidth: 64,
    gpt: { vocabSize: 1024, classes: 10, grid: [8, 8], dim: 256, depth: 6, numHeads: 4, batch: 16 },
  },
  small: {
    model: {
      architecture: 'vit',
      imageSize: 256,
      patchSize: 8,
      encoder: transformer(512, 8, 8),
      decoder: transformer(512, 8, 8),
      quantizer: { kind: 'vector', codebookSize: 8192, codeDim: 32 },
    },
    batch: 2,
    discriminatorWidth: 64,
    gpt: { vocabSize: 8192, classes: 1000, grid: [16, 16], dim: 512, depth: 8, numHeads: 8, batch: 4 },
  },
  base: {
    model: {
      architecture: 'vit',
      imageSize: 256,
      patchSize: 8,
      encoder: transformer(768, 12, 12),
      decoder: transformer(768, 12, 12),
      quantizer: { kind: 'vector', codebookSize: 8192, codeDim: 32 },
    },
    batch: 32,
    discriminatorWidth: 64,
    gpt: { vocabSize: 8192, classes: 1000, grid: [32, 32], dim: 1024, depth: 24, numHeads: 16, batch: 16 },
  },
} as const satisfies Record<string, Preset>;
export type PresetName = keyof typeof presets;

export interface WorkloadDefinition {
  /** Builds it; `precision` is float32 unless it is given. */
  readonly build: (preset: Preset, precision?: Precision) => Workload;
  /** What the peer is asked for. */
  readonly peerWorkload: string;
  /** Whether `torch.compile` changes what the peer measures. */
  readonly peerCompiles?: boolean;
  /** The peer's script below this folder; without one it is that of `--peer`. */
  readonly peerScript?: string;
}

function roundtrip({ model, batch }: Preset, precision?: Precision): Workload {
  const tokenizer = createTokenizer(model, { seed: 0 });
  const images = randomImages(model.imageSize, batch);
  // Frozen variables would be 10 % faster on `quick` and no faster on `small`, for a third more
  // memory.
  const reconstruct = compile((input: tf.Tensor4D) => tokenizer.reconstruct(input), {
    name: 'tokenizer_roundtrip',
    precision,
  });
  const run = async (): Promise<ArrayLike<number>> => {
    const reconstruction = await reconstruct(images);
    const values = await reconstruction.data();
    reconstruction.dispose();
    return values;
  };
  return { runs: [{ share: 1, run }], amount: batch, unit: 'images', parameters: tokenizer.parameterCount() };
}

/** The tokenizer of a preset, whose blocks may be computed again for the gradient. */
function tokenizerOf({ imageSize, patchSize, encoder, decoder, quantizer }: Preset['model'], recompute: boolean) {
  const shared = { imageSize, patchSize, recompute };
  return new VQTokenizer({
    encoder: new ViTEncoder({ ...shared, ...encoder, key: randomKey(1) }),
    quantizer: createQuantizer(quantizer, randomKey(2)),
    decoder: new ViTDecoder({ ...shared, ...decoder, key: randomKey(3) }),
    key: randomKey(4),
  });
}

type StepFunction = (learningRate: tf.Scalar, images: tf.Tensor4D) => GradientStepResult;

/** A training step on images alone. */
function stepOf(gradientsOf: ImageGradients, optimizer: Optimizer): StepFunction {
  return gradientStep((images: tf.Tensor4D) => gradientsOf(images), { optimizer });
}

/** Compiles a step; running it checks the loss. */
function timedStep(
  name: string,
  step: StepFunction,
  lossName: string,
  images: tf.Tensor4D,
  precision?: Precision,
): TimedRun['run'] {
  const compiled = compile((batch: tf.Tensor4D, learningRate: tf.Scalar) => step(learningRate, batch), {
    name,
    precision,
  });
  const learningRate = tf.scalar(1e-4);
  return async () => {
    const results = await compiled(images, learningRate);
    const values = await results.values[lossName]!.data();
    if (!Number.isFinite(values[0])) throw new Error(`${name}: the loss is ${values[0]}`);
    tf.dispose(results);
    return values;
  };
}

const stage1Step =
  (recompute: boolean) =>
  ({ model, batch }: Preset, precision?: Precision): Workload => {
    const tokenizer = tokenizerOf(model, recompute);
    const optimizer = new AdamW([{ variables: tokenizer.namedTrainableVariables(), weightDecay: 1e-4 }]);
    const step = stepOf(createTokenizerGradients({ tokenizer }), optimizer);
    const run = timedStep('stage1_step', step, 'loss', randomImages(model.imageSize, batch), precision);
    return { runs: [{ share: 1, run }], amount: batch, unit: 'images', parameters: tokenizer.parameterCount() };
  };

/**
 * R1 is part of every 16th step of the discriminator, 16 times as strong (StyleGAN2,
 * arXiv:1912.04958, sec. 3.1).
 */
export const r1Every = 16;
const r1Gamma = 10;

/** A step of the autoencoder (L2 + VQ + 0.1 adversarial), then one of the discriminator. */
function ganStep({ model, batch, discriminatorWidth }: Preset, precision?: Precision): Workload {
  const tokenizer = tokenizerOf(model, false);
  const discriminator = new StyleDiscriminator({
    size: model.imageSize,
    channels: styleDiscriminatorChannels({ width: discriminatorWidth }),
    key: randomKey(5),
  });
  const loss = vanillaAdversarialLoss;
  const images = randomImages(model.imageSize, batch);
  const trainTokenizer = stepOf(
    createTokenizerGradients({ tokenizer, weights: { adversarial: 0.1 }, adversarial: { discriminator, loss } }),
    new AdamW([{ variables: tokenizer.namedTrainableVariables(), weightDecay: 1e-4 }]),
  );
  const optimizer = new AdamW([{ variables: discriminator.namedTrainableVariables(), weightDecay: 0 }], { beta1: 0 });
  const shared = { tokenizer, discriminator, loss };
  const trainDiscriminator = stepOf(createDiscriminatorGradients(shared), optimizer);
  const r1 = { weight: (r1Gamma / 2) * r1Every };
  const regularize = stepOf(createDiscriminatorGradients({ ...shared, r1 }), optimizer);
  const autoencoder = timedStep('gan_step: autoencoder', trainTokenizer, 'loss', images, precision);
  const plain = timedStep('gan_step: discriminator', trainDiscriminator, 'discriminator', images, precision);
  const regularized = timedStep('gan_step: discriminator with R1', regularize, 'discriminator', images, precision);
  return {
    runs: [
      { share: 1, run: autoencoder },
      { share: 1 - 1 / r1Every, run: plain },
      { share: 1 / r1Every, run: regularized },
    ],
    amount: batch,
    unit: 'images',
    parameters: tokenizer.parameterCount() + discriminator.parameterCount(),
  };
}

function randomImages(size: number, batch: number): tf.Tensor4D {
  return tf.tensor4d(randomUniform(randomKey(1), batch * size * size * 3), [batch, size, size, 3]);
}

export const workloads: Readonly<Record<string, WorkloadDefinition>> = {
  tokenizer_roundtrip: { build: roundtrip, peerWorkload: 'tokenizer_roundtrip' },
  stage1_step: { build: stage1Step(false), peerWorkload: 'stage1_step', peerCompiles: true },
  stage1_step_recompute: { build: stage1Step(true), peerWorkload: 'stage1_step', peerCompiles: true },
  gpt_step: { build: ({ gpt }, precision) => gptStep(gpt, precision), peerWorkload: 'gpt_step', peerCompiles: true },
  gpt_sample: { build: ({ gpt }, precision) => gptSample(gpt, precision), peerWorkload: 'gpt_sample' },
  gan_step: { build: ganStep, peerWorkload: 'gan_step', peerScript: 'gan_step.py' },
};

/**
 * What does not alternate with a peer: memory over steps of the `tiny` models, sampling by batch
 * size, import of a checkpoint.
 */
export const soloWorkloads = ['memory_training', 'memory_sampling', 'gpt_sample_batches', 'import_350mb'] as const;
export type SoloWorkload = (typeof soloWorkloads)[number];
