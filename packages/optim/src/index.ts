export { AdamW, type AdamWOptions } from './adamw.js';
export { clipScale, globalNorm } from './clipping.js';
export { namedGradients, type NamedGradients } from './named-gradients.js';
export { decayGroups, type ParameterGroup } from './parameter-groups.js';
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
