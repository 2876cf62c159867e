export { codebookStatistics, paperCodebookUsage, type CodebookStatistics } from './codebook-statistics.js';
export {
  VectorQuantizer,
  vectorQuantizerReferenceWeights,
  type VectorQuantizeOptions,
  type VectorQuantizerOptions,
} from './vector-quantizer.js';
