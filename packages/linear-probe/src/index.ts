export { AttentiveProbe } from './attentive-probe.js';
export { kindOfBlock, pixelFeatures, untrainedFeatures, type BlockKind } from './baselines.js';
export { evaluateProbe, measureClassifier, type Classification } from './classification.js';
export { collectFeatures, hostBatches, type LabelledBatch } from './collect-features.js';
export { collectTokens, type TokenSet } from './collect-tokens.js';
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
export { classifyByNeighbors, type NeighborsClassification, type NeighborsOptions } from './nearest-neighbors.js';
export { probe, type ProbeOptions, type ProbeProgress, type ProbeResult } from './probe.js';
export { probeTokens, type OpenLabelledBatches, type ProbeTokensOptions } from './probe-tokens.js';
export {
  probeByAttention,
  type AttentionOptions,
  type AttentionProbeResult,
  type AttentionSets,
} from './probe-by-attention.js';
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
