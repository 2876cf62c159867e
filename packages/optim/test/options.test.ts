import { testOptions } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import {
  Adafactor,
  Adam,
  AdamW,
  applyGradients,
  EMA,
  exponentialDecaySchedule,
  referenceWarmupLinearSchedule,
  warmupCosineSchedule,
  warmupLinearSchedule,
} from '../src/index.js';

/** Returns an optimizer of one variable. */
const one = (Kind: typeof Adam | typeof Adafactor) =>
  new Kind([{ variables: new Map([['x', tf.variable(tf.scalar(1))]]) }]);

testOptions({
  Adafactor: { create: (options) => new Adafactor([], options), option: 'beta1', isOptional: true },
  'Adam.apply': {
    create: (options) => one(Adam).apply(new Map([['x', tf.scalar(1)]]), tf.scalar(0), options),
    option: 'gradientScale',
    isOptional: true,
  },
  'Adafactor.apply': {
    create: (options) => one(Adafactor).apply(new Map([['x', tf.scalar(1)]]), tf.scalar(0), options),
    option: 'gradientScale',
    isOptional: true,
  },
  Adam: { create: (options) => new Adam([], options), option: 'epsilon', isOptional: true },
  AdamW: { create: (options) => new AdamW([], options), option: 'beta2', isOptional: true },
  'AdamW, group': { create: (group) => new AdamW([group]), option: 'weightDecay' },
  applyGradients: {
    create: (options) => applyGradients({ optimizer: {} as never }, new Map(), tf.scalar(0), options),
    option: 'alsoFinite',
    isOptional: true,
  },
  'applyGradients, update': {
    create: (update) => applyGradients(update, new Map(), tf.scalar(0)),
    option: 'clipNorm',
  },
  EMA: { create: (options) => new EMA(new Map(), options), option: 'decay', isOptional: true },
  exponentialDecaySchedule: { create: (options) => exponentialDecaySchedule(options), option: 'rate' },
  warmupCosineSchedule: { create: (options) => warmupCosineSchedule(options), option: 'warmupSteps' },
  warmupLinearSchedule: { create: (options) => warmupLinearSchedule(options), option: 'totalSteps' },
  referenceWarmupLinearSchedule: { create: (options) => referenceWarmupLinearSchedule(options), option: 'peak' },
});
