/**
 * Every number of the study: the quantizers, what each is trained with, and the size of a training.
 * Sizes of images are those of configs/quickstart.yaml.
 */
import type { ExampleImages } from '@vitvq/example-shared';
import type { QuantizerConfig } from '@vitvq/quantizers';
import type { TokenizerTrainingConfig } from '@vitvq/stage1-trainer';
import type { ViTTokenizerConfig } from '@vitvq/tokenizer';

/** What is done against codes that nothing chooses. */
export const TREATMENTS = ['as is', 'data', 'resets', 'both'] as const;
export type Treatment = (typeof TREATMENTS)[number];

/** Treatments in tables and charts. */
export const TREATMENT_TEXTS: Readonly<Record<Treatment, string>> = {
  'as is': 'as is',
  data: 'start from data',
  resets: 'resets',
  both: 'both',
};

/** Number of codes of every quantizer; fixed ones have 8 x 8 x 8 values, or 9 bits. */
export const CODEBOOK_SIZE = 512;

const BITS = 9;

/** Codes that are learned; at 8 dimensions the paper's codebook is well used (Table 4). */
const TABLE = { codebookSize: CODEBOOK_SIZE, codeDim: 8 } as const;

/** A kind of quantizer of the study. */
export interface Kind {
  readonly name: string;
  /** In tables and charts. */
  readonly title: string;
  /** Whose it is. */
  readonly source: string;
  /** What its codes allow. */
  readonly treatments: readonly Treatment[];
  /** Why it has no others. */
  readonly why?: string;
  /** @param trackUsage  whether codes are counted, as resets need */
  readonly quantizer: (trackUsage: boolean) => QuantizerConfig;
}

/** Kinds whose codes can start from data and be reset. */
export const RESETTABLE: readonly Kind[] = [
  {
    name: 'plain',
    title: 'plain',
    source: 'VQ-VAE (arXiv:1711.00937)',
    treatments: TREATMENTS,
    quantizer: (trackUsage) => ({ ...TABLE, kind: 'vector', normalize: false, trackUsage }),
  },
  {
    name: 'ema',
    title: 'EMA',
    source: 'VQ-VAE (arXiv:1711.00937), appendix A.1',
    treatments: TREATMENTS,
    quantizer: (trackUsage) => ({ ...TABLE, kind: 'ema', normalize: false, trackUsage }),
  },
  {
    name: 'l2',
    title: 'l2-norm',
    source: 'ViT-VQGAN (arXiv:2110.04627)',
    treatments: TREATMENTS,
    quantizer: (trackUsage) => ({ ...TABLE, kind: 'vector', normalize: true, trackUsage }),
  },
  {
    name: 'rotation',
    title: 'rotation',
    source: 'rotation trick (arXiv:2410.06424)',
    treatments: TREATMENTS,
    quantizer: (trackUsage) => ({ ...TABLE, kind: 'vector', normalize: false, gradient: 'rotation', trackUsage }),
  },
];

/** Kinds whose steps move every code: there is nothing to reset. */
export const STARTED: readonly Kind[] = [
  {
    name: 'simvq',
    title: 'SimVQ',
    source: 'SimVQ (arXiv:2411.02038)',
    quantizer: () => ({ ...TABLE, kind: 'simvq' as const }),
  },
  {
    name: 'ibq',
    title: 'IBQ',
    source: 'IBQ (arXiv:2412.02692)',
    quantizer: () => ({ ...TABLE, kind: 'ibq' as const }),
  },
].map((kind) => ({ ...kind, treatments: ['as is', 'data'], why: 'every step moves all codes' }));

/** Kinds whose codes are fixed: there is nothing to start and nothing to reset. */
export const FIXED: readonly Kind[] = [
  {
    name: 'fsq',
    title: 'FSQ',
    source: 'FSQ (arXiv:2309.15505)',
    quantizer: () => ({ kind: 'fsq' as const, levels: [8, 8, 8] }),
  },
  {
    name: 'lfq',
    title: 'LFQ',
    source: 'MAGVIT-v2 (arXiv:2310.05737)',
    quantizer: () => ({ kind: 'lfq' as const, codeDim: BITS }),
  },
  {
    name: 'bsq',
    title: 'BSQ',
    source: 'BSQ (arXiv:2406.07548)',
    quantizer: () => ({ kind: 'bsq' as const, codeDim: BITS }),
  },
].map((kind) => ({ ...kind, treatments: ['as is'], why: 'the codes are fixed' }));

export const KINDS: readonly Kind[] = [...RESETTABLE, ...STARTED, ...FIXED];

/** One kind with one treatment. */
export interface Variant {
  /** Such as `plain`, `plain-data`. */
  readonly name: string;
  readonly kind: Kind;
  readonly treatment: Treatment;
}

export const VARIANTS: readonly Variant[] = KINDS.flatMap((kind) =>
  kind.treatments.map((treatment) => ({
    name: treatment === 'as is' ? kind.name : `${kind.name}-${treatment}`,
    kind,
    treatment,
  })),
);

/** @param treatment  one that the kind has */
export function variantOf(kind: Kind, treatment: Treatment): Variant {
  return VARIANTS.find((variant) => variant.kind === kind && variant.treatment === treatment)!;
}

/** What the command line may change; results of other settings are not mixed. */
export interface Settings {
  readonly steps: number;
  readonly smoke: boolean;
}

export const DEFAULTS = { out: 'runs/codebook-study', steps: 360, seeds: 3 } as const;
export const SMOKE = { steps: 2, seeds: 2, images: 48, imageSize: 32 } as const;

export const BATCH_SIZE = 16;

/** Steps between two measurements, and between two resets. */
export const EVERY = { measurement: 40, reset: 25 } as const;

/** Held-out images: 16,384 tokens, 32 for each code. */
export const TEST_IMAGES = 256;

export const EVALUATION_BATCH = 64;

/** 32x32 pixels become 8x8 tokens. */
export function modelConfig(
  { kind, treatment }: Variant,
  sizes: ExampleImages['sizes'],
  smoke: boolean,
): ViTTokenizerConfig {
  const transformer = smoke
    ? { dim: 16, depth: 1, numHeads: 2, mlpDim: 32 }
    : { dim: 64, depth: 1, numHeads: 4, mlpDim: 256 };
  return {
    architecture: 'vit',
    ...sizes,
    encoder: transformer,
    decoder: transformer,
    quantizer: kind.quantizer(isReset(treatment)),
    positions: 'learned',
    pixelNormalization: { mean: 0.47, deviation: 0.25 },
  };
}

export function trainingPlan({ treatment }: Variant, { steps }: Settings, seed: number): TokenizerTrainingConfig {
  return {
    duration: { steps },
    learningRate: { peak: 1e-3, end: 0, warmup: 0.05 },
    optimizer: { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 1e-4 },
    clipNorm: 1,
    losses: { l2: 1, quantizer: 1 },
    codebook: {
      autoencoderFraction: 0,
      initializeFromData: treatment === 'data' || treatment === 'both',
      resetEvery: isReset(treatment) ? EVERY.reset : 0,
    },
    seed,
  };
}

function isReset(treatment: Treatment): boolean {
  return treatment === 'resets' || treatment === 'both';
}
