export { BinarySphericalQuantizer, type BinarySphericalQuantizerOptions } from './binary-spherical-quantizer.js';
export { closestCodes, type ClosestCodes, type ClosestCodesOptions, type CodePair } from './closest-codes.js';
export { CodebookCounter } from './codebook-counter.js';
export {
  codebookReport,
  formatCodebookReport,
  type CodebookAdvice,
  type CodebookFacts,
  type CodebookFinding,
  type CodebookReport,
  type CodebookReportOptions,
} from './codebook-report.js';
export { CodeTable, type CodeLookup, type CodeLookupOptions, type CodeTableOptions } from './code-table.js';
export { codebookStatistics, paperCodebookUsage, type CodebookStatistics } from './codebook-statistics.js';
export {
  DifferentiableVectorQuantizer,
  type DifferentiableVectorQuantizerOptions,
} from './differentiable-vector-quantizer.js';
export { EMAQuantizer, type EMAQuantizerOptions } from './ema-quantizer.js';
export { FiniteScalarQuantizer, type FiniteScalarQuantizerOptions } from './finite-scalar-quantizer.js';
export {
  GroupedQuantizer,
  type GroupedQuantizerOptions,
  type SeparateGroupedQuantizerOptions,
  type SharedGroupedQuantizerOptions,
} from './grouped-quantizer.js';
export { gumbelNoise } from './gumbel-noise.js';
export { GumbelQuantizer, gumbelQuantizerReferenceWeights, type GumbelQuantizerOptions } from './gumbel-quantizer.js';
export {
  IndexBackpropagationQuantizer,
  type IndexBackpropagationQuantizerOptions,
} from './index-backpropagation-quantizer.js';
export { type CodeGradient } from './internal/code-gradient.js';
export {
  bottleneckKinds,
  createQuantizer,
  quantizerKinds,
  quantizerReferenceWeights,
  type BuiltInBottleneckKinds,
  type BuiltInQuantizerKinds,
  type ConfiguredQuantizer,
  type QuantizerConfig,
} from './kinds.js';
export { KLBottleneck, type KLBottleneckOptions } from './kl-bottleneck.js';
export { kMeans, type KMeansOptions } from './k-means.js';
export { likeCodes } from './like-codes.js';
export { LookupFreeQuantizer, type LookupFreeQuantizerOptions } from './lookup-free-quantizer.js';
export { ProductQuantizer, type ProductQuantizerOptions } from './product-quantizer.js';
export { quantizerSchema, type QuantizerKind, type QuantizerKinds } from './quantizer-kind.js';
export {
  ResidualQuantizer,
  residualQuantizerReferenceWeights,
  type ResidualQuantizerOptions,
  type SeparateResidualQuantizerOptions,
  type SharedResidualQuantizerOptions,
} from './residual-quantizer.js';
export { SimVectorQuantizer, type SimVectorQuantizerOptions } from './sim-vector-quantizer.js';
export { VectorQuantizer, vectorQuantizerReferenceWeights, type VectorQuantizerOptions } from './vector-quantizer.js';
