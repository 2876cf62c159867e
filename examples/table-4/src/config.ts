/**
 * Every number of the reproduction, and those of the paper that it is compared with. Sizes of
 * images are those of configs/quickstart.yaml, or configs/photos.yaml for images of one's own.
 */
import type { ExampleImages } from '@vitvq/example-shared';
import type { TokenizerTrainingConfig } from '@vitvq/stage1-trainer';
import type { ViTTokenizerConfig } from '@vitvq/tokenizer';

export type DiscriminatorName = 'none' | 'style' | 'patch';

/** One training: what Table 4 varies. */
export interface Variant {
  readonly name: string;
  readonly table: 'codes' | 'discriminators';
  readonly codeDim: number;
  readonly normalize: boolean;
  readonly discriminator: DiscriminatorName;
}

/** Dimensions of the codes, those of the paper's Table 4. */
export const CODE_DIMS = [4, 8, 16, 32, 64, 128, 256] as const;

/** The discriminators are compared with codes of so many dimensions. */
const DISCRIMINATOR_CODE_DIM = 8;

export const VARIANTS: readonly Variant[] = [
  ...[true, false].flatMap((normalize) =>
    CODE_DIMS.map((codeDim) => ({
      name: `codes-${codeDim}${normalize ? '-l2' : ''}`,
      table: 'codes' as const,
      codeDim,
      normalize,
      discriminator: 'none' as const,
    })),
  ),
  ...(['none', 'style', 'patch'] as const).map((discriminator) => ({
    name: `discriminator-${discriminator}`,
    table: 'discriminators' as const,
    codeDim: DISCRIMINATOR_CODE_DIM,
    normalize: true,
    discriminator,
  })),
];

/**
 * Table 4 of arXiv:2110.04627 (ImageNet 256x256, 8,192 codes, ViT-Base, 500,000 steps): share of
 * codes in a batch of 256 test images, and squared error in thousandths.
 */
export const PAPER = {
  usage: { 4: 0.96, 8: 0.96, 16: 0.95, 32: 0.96, 64: 0.37, 128: 0.14, 256: 0.04 },
  l2: { 4: 4.18, 8: 2.92, 16: 2.96, 32: 3.09, 64: 3.37, 128: 3.93, 256: 4.28 },
  withoutNormalization: { codeDim: 32, usage: 0.02, l2: 5.41 },
  style: { usage: 0.96, l2: 3.09, l1: 3.06, fid: 1.55 },
  patch: { usage: 0.89, l2: 2.58, l1: 2.82, fid: 3.88 },
} as const;

const size = { dim: 96, depth: 2, numHeads: 4, mlpDim: 384 } as const;

/**
 * As the paper, but small: 32x32 images (64x64 of one's own), 64 tokens, 512 codes, so that 256
 * images have 32 tokens a code, as in the paper. The codebook starts as noise and is not reset:
 * that is what the table is about. Learned positions and centred pixels are for short runs, as in
 * the quickstart.
 */
export function modelConfig(
  { codeDim, normalize }: Variant,
  sizes: ExampleImages['sizes'],
  smoke: boolean,
): ViTTokenizerConfig {
  const transformer = smoke ? { dim: 16, depth: 1, numHeads: 2, mlpDim: 32 } : size;
  return {
    architecture: 'vit',
    ...sizes,
    encoder: transformer,
    decoder: transformer,
    quantizer: { kind: 'vector', codebookSize: smoke ? 32 : 512, codeDim, normalize },
    positions: 'learned',
    pixelNormalization: { mean: 0.47, deviation: 0.25 },
  };
}

/** What the command line may change; results of other settings are not mixed. */
export interface Settings {
  readonly steps: number;
  readonly seed: number;
  readonly smoke: boolean;
  /** Present for images of one's own; which ones, their fingerprints tell. */
  readonly ownImages?: true;
}

export const DEFAULTS = { out: 'runs/table-4', steps: 1000, seed: 0 } as const;
export const SMOKE = { steps: 2, images: 48, imageSize: 32 } as const;

export const BATCH_SIZE = 16;

/**
 * Four batches of 256: the paper averages usage over batches of that size. Of images of one's own a
 * tenth, if that is less.
 */
export const TEST_IMAGES = 1024;

export const EVALUATION_BATCH = 64;

/**
 * Widths of the discriminators: about as many multiplications as one transformer of the tokenizer
 * each.
 */
export const DISCRIMINATOR_WIDTH = { style: 32, patch: 32 } as const;

export function trainingPlan({ discriminator }: Variant, { steps, seed }: Settings): TokenizerTrainingConfig {
  return {
    duration: { steps },
    learningRate: { peak: 1e-3, end: 0, warmup: 0.05 },
    optimizer: { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 1e-4 },
    clipNorm: 1,
    losses: { l2: 1, quantizer: 1, adversarial: discriminator === 'none' ? 0 : 0.6 },
    discriminator: {
      // It learns for a while before the autoencoder hears it: before that it has only noise to
      // say.
      start: { fraction: 0.1 },
      adversarialStart: { fraction: 0.4 },
      adaptiveWeight: true,
      // StyleGAN2's rule for so small images, 0.0001 x pixels / batch; equalised learning rates
      // need a higher rate.
      r1: discriminator === 'style' ? { weight: 0.01, every: 16 } : null,
      learningRateScale: discriminator === 'style' ? 6 : 1,
    },
    codebook: { autoencoderFraction: 0, initializeFromData: false, resetEvery: 0 },
    seed,
  };
}
