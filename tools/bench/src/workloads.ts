/** The workloads of peer_pytorch.py, through our public API: the same models, batches, losses and optimizer. */
import * as tf from '@tensorflow/tfjs-core';
import { randomKey, randomUniform } from '@vitvq/core';
import { compile } from '@vitvq/engine';
import { AdamW } from '@vitvq/optim';
import { createStage1Step, createViTVQ, type ViTVQConfig } from '@vitvq/stage1';

interface Preset {
  readonly model: ViTVQConfig;
  readonly batch: number;
}

const transformer = (dim: number, depth: number, numHeads: number) => ({ dim, depth, numHeads, mlpDim: 4 * dim });

/** `TOKENIZER` of peer_pytorch.py. */
export const presets: Readonly<Record<string, Preset>> = {
  quick: {
    model: {
      imageSize: 64,
      patchSize: 8,
      encoder: transformer(256, 4, 4),
      decoder: transformer(256, 4, 4),
      codebookSize: 1024,
      codeDim: 32,
    },
    batch: 16,
  },
  small: {
    model: {
      imageSize: 256,
      patchSize: 8,
      encoder: transformer(512, 8, 8),
      decoder: transformer(512, 8, 8),
      codebookSize: 8192,
      codeDim: 32,
    },
    batch: 2,
  },
};

/** A workload that is ready to run. */
export interface Workload {
  run(): Promise<void>;
  readonly amount: number;
  readonly unit: string;
  readonly parameters: number;
}

function roundtrip({ model, batch }: Preset): Workload {
  const tokenizer = createViTVQ(model, { seed: 0 });
  const images = randomImages(model, batch);
  // Frozen variables would be 10 % faster on `quick` and no faster on `small`, for a third more memory.
  const reconstruct = compile((input: tf.Tensor4D) => tokenizer.reconstruct(input), { name: 'tokenizer_roundtrip' });
  return {
    run: async () => {
      const reconstruction = await reconstruct(images);
      await reconstruction.data();
      reconstruction.dispose();
    },
    amount: batch,
    unit: 'images',
    parameters: tokenizer.parameterCount(),
  };
}

function stage1Step({ model, batch }: Preset): Workload {
  const tokenizer = createViTVQ(model, { seed: 0 });
  const images = randomImages(model, batch);
  const optimizer = new AdamW([{ variables: tokenizer.namedTrainableVariables(), weightDecay: 1e-4 }], {
    beta1: 0.9,
    beta2: 0.99,
  });
  const step = compile(createStage1Step({ tokenizer, optimizer }), { name: 'stage1_step' });
  const learningRate = tf.scalar(1e-4);
  return {
    run: async () => {
      const results = await step(images, learningRate);
      const [loss] = await results.loss.data();
      if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss}`);
      tf.dispose(results);
    },
    amount: batch,
    unit: 'images',
    parameters: tokenizer.parameterCount(),
  };
}

function randomImages({ imageSize }: ViTVQConfig, batch: number): tf.Tensor4D {
  const size = imageSize as number;
  return tf.tensor4d(randomUniform(randomKey(1), batch * size * size * 3), [batch, size, size, 3]);
}

export const workloads: Readonly<Record<string, (preset: Preset) => Workload>> = {
  tokenizer_roundtrip: roundtrip,
  stage1_step: stage1Step,
};
