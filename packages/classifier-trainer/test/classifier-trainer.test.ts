import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { createClassifier, type ViTClassifier } from '@vitvq/classifier';
import { ConfigError, DataError, type ImageBatch } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { crossEntropy, smoothedCrossEntropy } from '@vitvq/losses';
import { shake, tinyImageBatches } from '@vitvq/test-models';
import { compilingEngines, expectNoTensorLeak, testOptions } from '@vitvq/test-utils';
import { readTrainingLog, type StepReport } from '@vitvq/training';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ClassifierEvaluator,
  createClassifierGradients,
  createClassifierTrainer,
  readClassifierTraining,
  readClassifierWeights,
  type ClassifierTrainerOptions,
} from '../src/index.js';
import { fullBatches, tinyClassifier, tinyTraining, train } from './train-tiny.js';

const engines = await compilingEngines();
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitvq-classifier-trainer-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});
beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

const losses = (reports: readonly StepReport[]): number[] => reports.map(({ values }) => values['loss']!);
const weights = (classifier: ViTClassifier): number[][] =>
  [...classifier.namedVariables().values()].map((weight) => [...weight.dataSync()]);

/** The images of `tinyImageBatches` once, the last batch padded. */
async function* heldOut(): AsyncGenerator<ImageBatch> {
  const source = tinyImageBatches(0);
  for (let index = 0; index < 3; index++) yield await source.next();
}

describe('createClassifierTrainer', () => {
  it('stopped and resumed, goes on with the same numbers bit for bit, with EMA', async () => {
    const config = tinyTraining({ ema: { decay: 0.9 }, accumulate: 2, labelSmoothing: 0.1 });
    const straight = await train({ config });
    const first = await train({ config, directory }, { stopAfter: 3 });
    const second = await train({ config, directory }, { restore: true });
    expect([...losses(first.reports), ...losses(second.reports)]).toEqual(losses(straight.reports));
    expect(weights(second.classifier)).toEqual(weights(straight.classifier));
  });

  it('refuses to go on with another classifier or another config', async () => {
    await train({ directory }, { stopAfter: 2 });
    await expect(
      train({ directory, config: tinyTraining({ labelSmoothing: 0.1 }) }, { restore: true }),
    ).rejects.toThrow('training.labelSmoothing 0 instead of 0.1');
    const mean = createClassifier({ ...tinyClassifier, pool: 'mean' }, { seed: 1 });
    await expect(train({ directory, classifier: mean }, { restore: true })).rejects.toThrow('model.pool');
  });

  for (const { name, isHere } of engines) {
    it.skipIf(!isHere)(`takes the same steps on ${name} and eagerly`, async () => {
      const config = tinyTraining({ labelSmoothing: 0.1 });
      const eager = await train({ config });
      await useEngine({ name, threads: 2, onCompile: () => undefined });
      const compiled = await train({ config });
      await useEngine({ name: 'cpu' });
      expect(losses(compiled.reports)).toBeAllClose(losses(eager.reports), { rtol: 1e-4 });
    });
  }

  it.each(['class-token', 'mean'] as const)('learns the classes by %s, and says how well', async (pool) => {
    const trainer = createClassifierTrainer({
      classifier: createClassifier({ ...tinyClassifier, pool }, { seed: 1 }),
      config: tinyTraining({ duration: { steps: 120 }, ema: { decay: 0.8 } }),
      openBatches: fullBatches,
      directory,
      tensorBoard: false,
      evaluation: { openBatches: heldOut },
    });
    const { evaluation } = await trainer.run();
    trainer.dispose();
    const { count, top1, top5, interval, crossEntropy: nats, confusion } = evaluation!;
    expect(count).toBe(10);
    // Two of the ten it has never seen, and nothing tells their classes.
    expect(top1).toBeGreaterThanOrEqual(0.8);
    expect(top5).toBe(1);
    expect(interval.low).toBeLessThan(top1);
    expect(nats).toBeLessThan(Math.log(3));
    expect(confusion.flat().reduce((sum, value) => sum + value)).toBe(10);
    expect((await readTrainingLog(directory)).at(-1)).toMatchObject({ event: 'evaluate', top1, top1Low: interval.low });
  });

  it('accumulates to the gradient of the whole batch', async () => {
    const whole = await train({ config: tinyTraining({ duration: { steps: 3 } }) });
    const parts = await train({ config: tinyTraining({ duration: { steps: 3 }, accumulate: 4 }) });
    expect(losses(parts.reports)).toBeAllClose(losses(whole.reports), { rtol: 1e-4 });
  });

  it('keeps what is needed to use the classifier without the trainer', async () => {
    const { classifier } = await train({ config: tinyTraining({ ema: { decay: 0.5 } }), directory });
    const state = await readClassifierTraining(directory);
    expect(state).toMatchObject({ step: 6, modelConfig: classifier.config, config: { labelSmoothing: 0 } });
    expect(state.config.optimizer).toMatchObject({ kind: 'adamw', decay: 'weights' });
    const last = await readClassifierWeights(directory, { which: 'last' });
    expect([...last.values()].map(({ data }) => [...data])).toEqual(weights(classifier));
    const average = await readClassifierWeights(directory);
    expect(average.get('head.weight')).not.toEqual(last.get('head.weight'));
    createClassifier(tinyClassifier, { seed: 2 }).loadVariables(average);
  });

  it('leaves no tensors behind', async () => {
    const classifier = createClassifier(tinyClassifier, { seed: 1 });
    const config = tinyTraining({ duration: { steps: 2 }, ema: { decay: 0.9 }, accumulate: 2 });
    await expectNoTensorLeak(async () => {
      await train({ classifier, config, evaluation: { openBatches: heldOut } });
    });
    classifier.dispose();
  });

  it.each<[string, Partial<ImageBatch>, RegExp]>([
    ['no classes', { labels: undefined }, /a class in \[0, 3\) of each image, got none/],
    ['a class too many', { labels: new Int32Array([0, 1, 3, 0]) }, /got 3 of image 2/],
    ['padding', { count: 3 }, /expected 4 images in a batch, got 3 and padding/],
    ['values that are no pixels', { images: new Float32Array(4 * 4 * 6 * 3).fill(2) }, /\[0, 1\]/],
  ])('refuses batches with %s', async (_name, changes, message) => {
    const batch = { ...(await tinyImageBatches(0).next()), ...changes };
    const openBatches = (): ReturnType<typeof fullBatches> => ({
      next: () => Promise.resolve(batch),
      close: () => undefined,
    });
    const training = train({ openBatches });
    await expect(training).rejects.toThrow(DataError);
    await expect(training).rejects.toThrow(message);
  });

  it('refuses an evaluation without images, and names all problems of a config', async () => {
    await expect(train({ evaluation: { openBatches: () => [] } })).rejects.toThrow('at least one held-out image');
    const bad = { ...tinyTraining(), labelSmoothing: 1, clipNorm: -1 };
    await expect(train({ config: bad })).rejects.toThrow(ConfigError);
    await expect(train({ config: bad })).rejects.toThrow(
      /labelSmoothing is 1.*clipNorm is -1|clipNorm is -1.*labelSmoothing is 1/,
    );
  });
});

describe('createClassifierGradients', () => {
  const images = tf.sigmoid(tf.randomNormal<tf.Rank.R4>([3, 4, 6, 3], 0, 1, 'float32', 7));
  const labels = tf.tensor1d([0, 2, 1], 'int32');

  it('has a gradient of every variable, and the values of the losses', () => {
    const classifier = shake(createClassifier(tinyClassifier, { seed: 1 }));
    const { values, gradients } = createClassifierGradients({ classifier, labelSmoothing: 0.2 })(images, labels);
    expect([...gradients.keys()]).toEqual([...classifier.namedVariables().keys()]);
    const logits = classifier.logits(images);
    expect(values['loss']).toBeAllClose(smoothedCrossEntropy(logits, labels, 0.2), { rtol: 1e-5 });
    expect(values['crossEntropy']).toBeAllClose(crossEntropy(logits, labels), { rtol: 1e-5 });
    const right = [...tf.argMax(logits, 1).dataSync()].filter((best, image) => best === [0, 2, 1][image]);
    expect(values['top1']).toBeAllClose(right.length / 3, { atol: 1e-6 });
    classifier.dispose();
  });

  it('has the gradient of finite differences of the loss', () => {
    const classifier = shake(createClassifier(tinyClassifier, { seed: 1 }));
    const compute = createClassifierGradients({ classifier, labelSmoothing: 0.2 });
    const { gradients } = compute(images, labels);
    const bias = classifier.namedVariables().get('head.bias')!;
    const before = bias.clone();
    const lossAt = (moved: number): number => {
      bias.assign(tf.add(before, tf.tensor1d([moved, 0, 0])));
      const loss = compute(images, labels).values['loss']!.dataSync()[0]!;
      bias.assign(before);
      return loss;
    };
    expect(gradients.get('head.bias')!.dataSync()[0]).toBeCloseTo((lossAt(0.05) - lossAt(-0.05)) / 0.1, 3);
    classifier.dispose();
  });
});

/** Options that are there and of no use. */
const none = { classifier: {}, config: {}, openBatches: () => undefined } as never as ClassifierTrainerOptions;

testOptions({
  createClassifierTrainer: { create: (options) => createClassifierTrainer(options), option: 'evaluation' },
  'createClassifierTrainer, evaluation': {
    create: (evaluation) => createClassifierTrainer({ ...none, evaluation }),
    option: 'openBatches',
    isOptional: true,
  },
  createClassifierGradients: { create: (options) => createClassifierGradients(options), option: 'labelSmoothing' },
  ClassifierEvaluator: { create: (options) => new ClassifierEvaluator(options), option: 'classifier' },
});
