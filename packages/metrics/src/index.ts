export { detailRatio } from './detail-ratio.js';
export { psnr } from './psnr.js';
export { reconstructionMetrics, type ReconstructionMetrics } from './reconstruction-metrics.js';
