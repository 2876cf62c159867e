import { testOptions } from '@vitvq/test-utils';
import {
  Adafactor,
  Adam,
  AdamW,
  EMA,
  exponentialDecaySchedule,
  referenceWarmupLinearSchedule,
  warmupCosineSchedule,
  warmupLinearSchedule,
} from '../src/index.js';

testOptions({
  Adafactor: { create: (options) => new Adafactor([], options), option: 'beta1', isOptional: true },
  Adam: { create: (options) => new Adam([], options), option: 'epsilon', isOptional: true },
  AdamW: { create: (options) => new AdamW([], options), option: 'beta2', isOptional: true },
  EMA: { create: (options) => new EMA(new Map(), options), option: 'decay', isOptional: true },
  exponentialDecaySchedule: { create: (options) => exponentialDecaySchedule(options), option: 'rate' },
  warmupCosineSchedule: { create: (options) => warmupCosineSchedule(options), option: 'warmupSteps' },
  warmupLinearSchedule: { create: (options) => warmupLinearSchedule(options), option: 'totalSteps' },
  referenceWarmupLinearSchedule: { create: (options) => referenceWarmupLinearSchedule(options), option: 'peak' },
});
