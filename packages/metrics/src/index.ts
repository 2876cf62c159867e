export { psnr } from './psnr.js';
export { reconstructionMetrics, type ReconstructionMetrics } from './reconstruction-metrics.js';
