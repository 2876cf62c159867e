export { Adafactor, type AdafactorOptions } from './adafactor.js';
export { Adam } from './adam.js';
export { AdamW, type AdamWOptions } from './adamw.js';
export {
  applyGradients,
  type ApplyGradientsOptions,
  type ApplyGradientsUpdate,
  type GradientNorms,
} from './apply-gradients.js';
export { clipScale, globalNorm } from './clipping.js';
export { GradientAccumulator } from './gradient-accumulator.js';
export type { AdamOptions } from './internal/adam-base.js';
export { EMA, type EMAOptions } from './ema.js';
export { namedGradients, type NamedGradients } from './named-gradients.js';
export type { ApplyOptions, Optimizer } from './optimizer.js';
export {
  decayEverything,
  decayGroups,
  decayLinearWeights,
  decayMatrices,
  type DecayRule,
  type ParameterGroup,
} from './parameter-groups.js';
export {
  constantSchedule,
  exponentialDecaySchedule,
  referenceWarmupLinearSchedule,
  warmupCosineSchedule,
  warmupLinearSchedule,
  type ExponentialDecayOptions,
  type Schedule,
  type WarmupScheduleOptions,
} from './schedules.js';
