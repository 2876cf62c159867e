export { codebookStatistics, paperCodebookUsage, type CodebookStatistics } from './codebook-statistics.js';
export {
  gumbelNoise,
  GumbelQuantizer,
  gumbelQuantizerReferenceWeights,
  type GumbelQuantizeOptions,
  type GumbelQuantizerOptions,
} from './gumbel-quantizer.js';
export { type CodeGradient } from './internal/code-gradient.js';
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
  type VectorQuantizeOptions,
  type VectorQuantizerOptions,
} from './vector-quantizer.js';
