export { kindOfBlock, pixelFeatures, untrainedFeatures, type BlockKind } from './baselines.js';
export { evaluateProbe, type Classification } from './classification.js';
export { collectFeatures, hostBatches, type LabelledBatch } from './collect-features.js';
export { compileFeatures, type FeatureFunction, type NamedFeatures } from './feature-function.js';
export {
  blockFeatures,
  mergeFeatures,
  type FeatureMatrix,
  type FeatureSet,
  type LabelledFeatures,
} from './feature-set.js';
export { fitSoftmaxProbe, type FitFacts, type FitOptions, type ProbeFit } from './fit-softmax-probe.js';
export { holdOut, type HoldOutOptions } from './hold-out.js';
export {
  probeBlocks,
  type BlockProbe,
  type LayerSweep,
  type ProbeBlocksOptions,
  type ProbeSets,
} from './probe-blocks.js';
export { SoftmaxProbe, type Standardization } from './softmax-probe.js';
export {
  sweepRegularization,
  type RegularizationSweep,
  type SweepEntry,
  type SweepOptions,
} from './sweep-regularization.js';
export { wilsonInterval, type Interval } from './wilson-interval.js';
