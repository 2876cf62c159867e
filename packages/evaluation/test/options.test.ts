import { testOptions } from '@vitvq/test-utils';
import { tinyImages, tinyModel } from '@vitvq/test-models';
import {
  bootstrapInterval,
  clipScore,
  createEvaluationStep,
  evaluateCaptions,
  evaluateImages,
  evaluateReconstructions,
  Evaluator,
  inceptionScore,
  kernelDistance,
  loadLPIPS,
  manifoldMetrics,
  msSSIM,
  squaredDiscrepancy,
  ssim,
  trainProxyClassifier,
  writeNpz,
} from '../src/index.js';

const rows = { dim: 1, data: Float32Array.of(1, 2, 3, 4) };
const images = tinyImages(1, 1, [12, 12]);

testOptions({
  createEvaluationStep: {
    create: (options) => createEvaluationStep(tinyModel(), options),
    option: 'perceptual',
    isOptional: true,
  },
  loadLPIPS: { create: (options) => loadLPIPS('nowhere', options), option: 'channels', isOptional: true },
  'loadLPIPS, sources': { create: (source) => loadLPIPS(source), option: 'cacheDirectory' },
  bootstrapInterval: { create: (options) => bootstrapInterval([1, 2], options), option: 'resamples' },
  clipScore: { create: (options) => clipScore(rows, rows, options), option: 'scale', isOptional: true },
  evaluateCaptions: { create: (options) => evaluateCaptions(options), option: 'tokens' },
  evaluateImages: { create: (options) => evaluateImages(options), option: 'extractor' },
  evaluateReconstructions: {
    create: (options) => evaluateReconstructions(tinyModel(), options),
    option: 'perceptual',
  },
  'evaluateReconstructions, perceptual': {
    create: (perceptual) => evaluateReconstructions(tinyModel(), { images: () => [], seed: 1, perceptual }),
    option: 'loss',
    isOptional: true,
  },
  inceptionScore: { create: (options) => inceptionScore(rows, options), option: 'splits', isOptional: true },
  kernelDistance: { create: (options) => kernelDistance(rows, rows, options), option: 'subsetSize' },
  manifoldMetrics: {
    create: (options) => manifoldMetrics(rows, rows, options),
    option: 'neighbors',
    isOptional: true,
  },
  msSSIM: { create: (options) => msSSIM(images, images, options), option: 'weights', isOptional: true },
  squaredDiscrepancy: {
    create: (options) => squaredDiscrepancy(rows, rows, options),
    option: 'offset',
    isOptional: true,
  },
  ssim: { create: (options) => ssim(images, images, options), option: 'window', isOptional: true },
  trainProxyClassifier: { create: (options) => trainProxyClassifier(options), option: 'classes' },
  writeNpz: {
    create: (options) => writeNpz('nowhere/x', { data: new Uint8Array(1), shape: [1, 1, 1, 1] }, options),
    option: 'labels',
    isOptional: true,
  },
  Evaluator: { create: (options) => new Evaluator(tinyModel(), options), option: 'batchSize', isOptional: true },
});
