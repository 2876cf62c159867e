import * as tf from '@tensorflow/tfjs';
import { DataError, type HostTensor, type Module, type ReferenceWeight } from '@vitvq/core';
import { AdamW, warmupCosineSchedule, type AdamWOptions, type ParameterGroup, type Schedule } from '@vitvq/optim';
import { createDiscriminatorGradients, createTokenizerGradients } from '@vitvq/stage1-trainer';
import { gradientStep } from '@vitvq/training';
import { ConfigReader } from '../config.js';
import type { TensorRecord } from '../execute.js';
import { tensorsUnder, type Config, type LoadedCase } from '../fixture.js';
import { loadWeights, toChannelsFirst, toChannelsLast } from './gradients.js';
import { readLPIPS } from './lpips.js';
import { autoencoderLog, discriminatorLog, disposeLoss, lossOptions, readReferenceLoss } from './reference-loss.js';
import { exceptWhatRoundingDecides } from './rounding.js';
import { readVectorQuantizer } from './vector-quantizer.js';
import { readModel } from './vit-vq.js';
import { splitWeights } from './weights.js';

interface Training {
  readonly model: Config;
  readonly loss: Config;
  readonly hasDiscriminator: boolean;
  readonly vggChannels: readonly number[];
  readonly steps: number;
  readonly learningRate: Schedule;
  readonly adam: Required<AdamWOptions>;
  readonly weightDecay: number;
}

function readTraining({ config, name }: LoadedCase): Training {
  const { learningRate, steps, optimizer, vggChannels, scheduler, loss, ...model } = config;
  const reader = new ConfigReader({ learningRate, steps, optimizer, vggChannels, loss }, name);
  const { target, ...lossConfig } = reader.section('loss');
  if (target !== 'VQLPIPS' && target !== 'VQLPIPSWithDiscriminator') {
    throw new DataError({
      where: name,
      expected: 'loss.target to be VQLPIPS or VQLPIPSWithDiscriminator',
      got: JSON.stringify(target),
    });
  }
  const rate = reader.number('learningRate');
  return {
    model,
    loss: lossConfig,
    hasDiscriminator: target === 'VQLPIPSWithDiscriminator',
    vggChannels: reader.numbers('vggChannels', []),
    steps: reader.number('steps'),
    learningRate: scheduler === undefined ? () => rate : readSchedule(scheduler as Config, rate, name),
    ...readAdamW(reader.string('optimizer'), name),
  };
}

/** The reference replaces the schedule's `start` by the learning rate. */
export function readSchedule(config: Config, start: number, where: string): Schedule {
  const reader = new ConfigReader(config, `${where}, scheduler`);
  if (!reader.optional('target', 'LambdaWarmUpCosineScheduler')) {
    throw new DataError({ where, expected: 'a LambdaWarmUpCosineScheduler', got: 'no target' });
  }
  const schedule = warmupCosineSchedule({
    start,
    peak: reader.number('max'),
    end: reader.number('min'),
    warmupSteps: reader.number('warmUpSteps'),
    totalSteps: reader.number('maxDecaySteps'),
  });
  reader.ignore('start');
  reader.finish();
  return schedule;
}

/** From a text: `AdamW(betas=(0.9,0.99), eps=1e-8, weightDecay=1e-4), …`. */
function readAdamW(text: string, where: string): { adam: Required<AdamWOptions>; weightDecay: number } {
  const number = '([0-9.e+-]+)';
  const pattern = new RegExp(`^AdamW\\(betas=\\(${number}, ?${number}\\), eps=${number}, weightDecay=${number}\\)`);
  const match = pattern.exec(text);
  if (!match)
    throw new DataError({ where, expected: 'optimizer to be AdamW(betas=…, eps=…, weightDecay=…)', got: text });
  const [beta1, beta2, epsilon, weightDecay] = match.slice(1).map(Number) as [number, number, number, number];
  return { adam: { beta1, beta2, epsilon }, weightDecay };
}

/**
 * Position tables have no gradient in the reference and stay as they are; everything else decays,
 * biases and norms too.
 */
function parameterGroups(module: Module, weightDecay: number): ParameterGroup[] {
  const variables = [...module.namedTrainableVariables()];
  const isTable = ([name]: [string, tf.Variable]): boolean => name.endsWith('.positions');
  const [tables, others] = [variables.filter(isTable), variables.filter((entry) => !isTable(entry))];
  const groups = [{ variables: new Map(others), weightDecay }];
  return tables.length === 0
    ? groups
    : [...groups, { variables: new Map(tables), weightDecay: 0, learningRateScale: 0 }];
}

/** Variables in PyTorch's layout, by the reference's names. */
function exported(
  variables: ReadonlyMap<string, HostTensor>,
  table: readonly ReferenceWeight[],
  prefix: string,
): [string, HostTensor][] {
  return table.map(({ name, referenceName, toReference }) => [
    `${prefix}${referenceName}`,
    toReference(variables.get(`${prefix}${name}`)!),
  ]);
}

const scalarInput = (value: number): HostTensor => ({ shape: [], data: Float32Array.of(value) });

/**
 * `VQTokenizer training`: for every batch a step of the autoencoder, then one of the discriminator on
 * reconstructions by the updated autoencoder. Before its start the discriminator's loss is 0 and
 * its weights only decay.
 *
 * Adam divides a gradient by its own size: one that float32 cannot tell from 0 moves its weight by
 * a whole learning rate, in the direction that rounding gives it. R1 on two images has such
 * gradients, where the minibatch standard deviation of a feature is near 0.
 */
export const vitVQTraining = exceptWhatRoundingDecides(async (fixture, execute) => {
  const training = readTraining(fixture);
  const prefixes = ['loss.perceptual_loss.', ...(training.hasDiscriminator ? ['loss.discriminator.'] : []), ''];
  const parts = splitWeights(fixture, prefixes);
  const ofModel = parts.at(-1)!;
  const perceptual = readLPIPS(training.vggChannels, parts[0]!);
  const loss = readReferenceLoss(
    training.loss,
    `${fixture.name}, loss`,
    perceptual,
    training.hasDiscriminator ? parts[1]! : undefined,
  );
  const { adversary } = loss;
  const { model, table, fixed } = readModel({ ...ofModel, config: training.model }, readVectorQuantizer);
  loadWeights(model, table, ofModel, fixed);

  const adam = (module: Module): AdamW => new AdamW(parameterGroups(module, training.weightDecay), training.adam);
  const autoencoderStep = gradientStep(createTokenizerGradients(lossOptions(loss, model)), { optimizer: adam(model) });
  const discriminatorOptimizer = adversary && adam(adversary.discriminator);

  const autoencoder = execute.prepare(({ image, learningRate, adversarialFactor }) => {
    const images = toChannelsLast(image!);
    const { reconstruction, indices } = model.forward(images);
    const { values } = autoencoderStep(learningRate as tf.Scalar, images, {
      adversarialFactor: adversarialFactor as tf.Scalar,
    });
    const log = autoencoderLog(loss, values, reconstruction, images);
    return { codes: indices, ...withPrefix('opt0/train/', log) };
  });
  const discriminators = [false, true].map((hasR1) => {
    if (!adversary) return undefined;
    const { discriminator, r1Weight } = adversary;
    const r1 = hasR1 ? { weight: r1Weight } : undefined;
    const gradientsOf = createDiscriminatorGradients({ tokenizer: model, discriminator, loss: adversary.loss, r1 });
    const step = gradientStep(gradientsOf, { optimizer: discriminatorOptimizer! });
    return execute.prepare(({ image, learningRate, adversarialFactor }) => {
      const { values } = step(learningRate as tf.Scalar, toChannelsLast(image!), {
        adversarialFactor: adversarialFactor as tf.Scalar,
      });
      return withPrefix('opt1/train/', discriminatorLog(values));
    });
  });
  const produced = new Map<string, HostTensor>();
  try {
    const image = tensorsUnder(fixture.tensors, 'in').get('image');
    if (!image) throw new DataError({ where: fixture.name, expected: 'an input image', got: 'none' });
    for (let step = 0; step < training.steps; step++) {
      const hasStarted = adversary !== undefined && step >= adversary.start;
      const learningRate = scalarInput(training.learningRate(step));
      const inputs = new Map([
        ['image', image],
        ['learningRate', learningRate],
        ['adversarialFactor', scalarInput(hasStarted ? 1 : 0)],
      ]);
      produced.set(`out/step${step}/lr`, learningRate);
      const results = [...(await autoencoder.run(inputs))];
      const second = discriminators[Number(hasStarted && step % adversary.r1Every === 0)];
      if (second) results.push(...(await second.run(inputs)));
      for (const [name, value] of results) produced.set(`out/step${step}/${name}`, value);
    }
    const after = await execute(
      ({ image }) => ({
        ...withPrefix('', Object.fromEntries(model.namedVariables())),
        ...withPrefix('loss.discriminator.', Object.fromEntries(adversary?.discriminator.namedVariables() ?? [])),
        reconstruction: toChannelsFirst(model.forward(toChannelsLast(image!)).reconstruction),
      }),
      new Map([['image', image]]),
    );
    produced.set('out/after/reconstruction', after.get('reconstruction')!);
    const weights = [
      ...exported(after, table, ''),
      ...exported(after, adversary?.table ?? [], 'loss.discriminator.'),
      // Computed, not learned: what the case gave is what we have, or its weights would not have
      // been taken.
      ...fixed.map((name): [string, HostTensor] => [name, fixture.tensors.get(`w/${name}`)!]),
    ];
    for (const [name, weight] of weights) {
      produced.set(`out/after/${name}`, weight);
      produced.set(`out/after/w/${name}`, weight);
    }
    return produced;
  } finally {
    autoencoder.dispose();
    for (const discriminator of discriminators) discriminator?.dispose();
    model.dispose();
    disposeLoss(loss);
  }
});

/** Copies, so that variables can be returned. */
function withPrefix(prefix: string, tensors: TensorRecord): TensorRecord {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [`${prefix}${name}`, tf.clone(tensor)]));
}
