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
export { codebookStatistics, paperCodebookUsage, type CodebookStatistics } from './codebook-statistics.js';
export { FiniteScalarQuantizer, type FiniteScalarQuantizerOptions } from './finite-scalar-quantizer.js';
export {
  gumbelNoise,
  GumbelQuantizer,
  gumbelQuantizerReferenceWeights,
  type GumbelQuantizeOptions,
  type GumbelQuantizerOptions,
} from './gumbel-quantizer.js';
export { type CodeGradient } from './internal/code-gradient.js';
export { kMeans, type KMeansOptions } from './k-means.js';
export { LookupFreeQuantizer, type LookupFreeQuantizerOptions } from './lookup-free-quantizer.js';
export { MovingAverageQuantizer, type MovingAverageQuantizerOptions } from './moving-average-quantizer.js';
export {
  ResidualQuantizer,
  residualQuantizerReferenceWeights,
  type LevelQuantizer,
  type ResidualQuantizeOptions,
  type ResidualQuantizerOptions,
  type SeparateResidualQuantizerOptions,
  type SharedResidualQuantizerOptions,
} from './residual-quantizer.js';
export {
  VectorQuantizer,
  vectorQuantizerReferenceWeights,
  type CodebookInitialization,
  type VectorQuantizeOptions,
  type VectorQuantizerOptions,
} from './vector-quantizer.js';
