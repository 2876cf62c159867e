/** Stage 2: a training step of the transformer, and sampling with its cache. */
import * as tf from '@tensorflow/tfjs-core';
import { randomKey, randomUniform } from '@vitvq/core';
import { compile, type Precision } from '@vitvq/engine';
import { Adam } from '@vitvq/optim';
import { Sampler } from '@vitvq/sampling';
import { createTransformerGradients } from '@vitvq/stage2-trainer';
import { GPT } from '@vitvq/transformers';
import type { TimedRun, TransformerPreset, Workload } from './workload.js';

/** The peer's model: no time mixing, squared ReLU, one class token before the image. */
function createGPT({ vocabSize, classes, grid, dim, depth, numHeads }: TransformerPreset): GPT {
  return new GPT({
    vocabSize,
    grid,
    conditionVocabSize: classes,
    dim,
    depth,
    numHeads,
    useTimeMixing: false,
    key: randomKey(6),
  });
}

function randomTokens(shape: [number, number], size: number): tf.Tensor2D {
  const uniform = randomUniform(randomKey(7), shape[0] * shape[1]);
  return tf.tensor2d(
    Array.from(uniform, (value) => Math.floor(value * size)),
    shape,
    'int32',
  );
}

export function gptStep(preset: TransformerPreset, precision?: Precision): Workload {
  const model = createGPT(preset);
  const positions = preset.grid[0] * preset.grid[1];
  const optimizer = new Adam([{ variables: model.namedTrainableVariables(), weightDecay: 0 }], { beta2: 0.96 });
  const gradientsOf = createTransformerGradients({ model });
  const step = compile(
    (conditions: tf.Tensor2D, tokens: tf.Tensor2D, learningRate: tf.Scalar) => {
      const { values, gradients } = gradientsOf(conditions, tokens);
      optimizer.apply(gradients, learningRate);
      return values['loss']!;
    },
    { name: 'gpt_step', precision },
  );
  const conditions = randomTokens([preset.batch, 1], preset.classes);
  const tokens = randomTokens([preset.batch, positions], preset.vocabSize);
  const learningRate = tf.scalar(1e-4);
  const run = async (): Promise<ArrayLike<number>> => {
    const loss = await step(conditions, tokens, learningRate);
    const values = await loss.data();
    if (!Number.isFinite(values[0])) throw new Error(`gpt_step: the loss is ${values[0]}`);
    loss.dispose();
    return values;
  };
  return workloadOf(run, model, preset);
}

/** Whole images, token by token, with a cache; the best 100 of the codes may be drawn. */
export function gptSample(preset: TransformerPreset, precision?: Precision): Workload {
  const model = createGPT(preset);
  const sampler = new Sampler(model, { precision });
  const conditions = randomTokens([preset.batch, 1], preset.classes);
  const topK = Math.min(100, preset.vocabSize);
  let request = 0;
  const run = async (): Promise<ArrayLike<number>> => {
    request++;
    const seeds = Array.from({ length: preset.batch }, (_, image) => request * preset.batch + image);
    const tokens = await sampler.sample({ conditions, seeds, topK });
    const values = await tokens.data();
    tokens.dispose();
    return values;
  };
  const dispose = (): void => {
    sampler.dispose();
    model.dispose();
    conditions.dispose();
  };
  return { ...workloadOf(run, model, preset), bytes: bytesRead(model, preset), dispose };
}

/**
 * Every step reads all weights but the tables that it looks a row up in, and the part of the cache
 * that is filled.
 */
function bytesRead(model: GPT, { vocabSize, classes, grid, dim, depth, batch }: TransformerPreset): number {
  const steps = grid[0] * grid[1];
  const weights = model.parameterCount() - (vocabSize + classes) * dim;
  const cache = 2 * depth * batch * dim * ((steps + 1) / 2);
  return 4 * steps * (weights + cache);
}

function workloadOf(run: TimedRun['run'], model: GPT, { batch, grid }: TransformerPreset): Workload {
  return {
    runs: [{ share: 1, run }],
    amount: batch * grid[0] * grid[1],
    unit: 'tokens',
    parameters: model.parameterCount(),
  };
}
