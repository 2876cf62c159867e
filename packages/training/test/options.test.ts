import '@tensorflow/tfjs';
import { ConfigError, DataError } from '@vitvq/core';
import { testOptions } from '@vitvq/test-utils';
import { afterAll, expect, it } from 'vitest';
import {
  abortOnSignals,
  createOptimizer,
  gradientStep,
  isPreviewDue,
  Learner,
  learningRateAt,
  readTrainedWeights,
  readTrainingLog,
  Trainer,
  TrainStep,
  type TrainerOptions,
} from '../src/index.js';
import { Sum } from './sum-task.js';

/** Creates a trainer that has no data to train on. */
function create(options: Partial<TrainerOptions<number, object, object>> = {}): Trainer<number, object, object> {
  const openBatches = (): never => {
    throw new DataError({ where: 'test', expected: 'data', got: 'none' });
  };
  return new Trainer<number, object, object>({ task: new Sum(), duration: { steps: 1 }, openBatches, ...options });
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const listeners = new Map(signals.map((name) => [name, process.listeners(name)]));
afterAll(() => {
  for (const [name, before] of listeners) {
    for (const listener of process.listeners(name)) if (!before.includes(listener)) process.off(name, listener);
  }
});

testOptions({
  abortOnSignals: { create: (options) => abortOnSignals(options), option: 'reason', isOptional: true },
  gradientStep: { create: (options) => gradientStep(() => ({}) as never, options), option: 'clipNorm' },
  isPreviewDue: { create: (schedule) => isPreviewDue(1, schedule), option: 'everySteps', isOptional: true },
  Learner: { create: (options) => new Learner(options), option: 'learningRate' },
  learningRateAt: { create: (config) => learningRateAt(config), option: 'warmup' },
  readTrainedWeights: {
    create: (options) => readTrainedWeights('nowhere', { kind: 'sum', part: 'sum' }, options),
    option: 'which',
    isOptional: true,
  },
  'readTrainedWeights, place': { create: (place) => readTrainedWeights('nowhere', place), option: 'emaPrefix' },
  readTrainingLog: {
    create: (options) => readTrainingLog('nowhere', options),
    option: 'maximumEntries',
    isOptional: true,
  },
  Trainer: { create: (options) => new Trainer(options), option: 'openBatches' },
  'Trainer, best': { create: (best) => create({ best }), option: 'metric', isOptional: true },
  'Trainer, checkpoint': { create: (checkpoint) => create({ checkpoint }), option: 'everySteps', isOptional: true },
  'Trainer, evaluation': { create: (evaluation) => create({ evaluation }), option: 'everySeconds', isOptional: true },
  'Trainer, nonFinite': { create: (nonFinite) => create({ nonFinite }), option: 'maximumInRow', isOptional: true },
  'Trainer, preview': { create: (preview) => create({ preview }), option: 'steps', isOptional: true },
  'Trainer, tensorBoard': { create: (tensorBoard) => create({ tensorBoard }), option: 'histograms', isOptional: true },
  'Trainer.restore': {
    create: (options) => create().restore('nowhere', options),
    option: 'allowChanges',
    isOptional: true,
  },
  'Trainer.resume': {
    create: (options) => create().resume('nowhere', options),
    option: 'allowChanges',
    isOptional: true,
  },
  'Trainer.run': { create: (options) => create().run(options), option: 'signal', isOptional: true },
  TrainStep: { create: (options) => new TrainStep(options), option: 'accumulate' },
});

const adam = { kind: 'adam', beta1: 0.9, beta2: 0.9, epsilon: 1, weightDecay: 0, decay: 'all' } as const;
const place = { kind: 'sum', part: 'sum' };

it.each<[text: string, call: () => Promise<unknown>, message: string]>([
  [
    'best.mode',
    async () => create({ best: { metric: 'sum', mode: 'max' as never } }),
    'one of highest, lowest, got "max"',
  ],
  ['nonFinite.action', async () => create({ nonFinite: { action: 'halt' as never, maximumInRow: 0 } }), 'stop, skip'],
  [
    'which',
    () => readTrainedWeights('x', place, { which: 'latest' as never }),
    'which to be one of ema, last, got "latest"',
  ],
  [
    'kind',
    async () => createOptimizer(new Map(), { ...adam, kind: 'sgd' as never }),
    'kind to be one of adamw, adam, adafactor',
  ],
  [
    'decay',
    async () => createOptimizer(new Map(), { ...adam, decay: 'none' as never }),
    'decay to be one of weights, linear',
  ],
])('refuses a text that %s cannot be', async (_text, call, message) => {
  await expect(call()).rejects.toThrow(ConfigError);
  await expect(call()).rejects.toThrow(message);
});
