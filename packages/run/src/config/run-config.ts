import { dataSourceSchema, type Augmentation, type DataSourceConfig } from '@vitvq/data';
import type { EngineName, MeshOptions, Precision } from '@vitvq/engine';
import { decodingSchemaOf, type Decoding } from '@vitvq/sampling';
import { quantizerKinds } from '@vitvq/quantizers';
import { tokenizerTrainingSchema, type TokenizerTrainingConfig } from '@vitvq/stage1-trainer';
import { transformerTrainingSchema, type TransformerTrainingConfig } from '@vitvq/stage2-trainer';
import { tokenizerConfigSchema, type TokenizerConfig } from '@vitvq/tokenizer';
import type { IntervalOptions } from '@vitvq/training';
import { transformerSizeSchema, type TransformerSize } from '@vitvq/transformers';
import { z } from 'zod';
import { refineBatchSize } from './refine-batch-size.js';
import { count, dataFields, fraction, generalFields, shownImagesSchema, stageTrainingFields } from './shared-fields.js';

/** Where images come from, and which of them are kept apart. */
export interface RunDataConfig {
  /** Images to learn from. */
  readonly train: DataSourceConfig;
  /**
   * Images that everything is measured on and nothing learns from.
   * @default part of `train`, see `heldOut`
   */
  readonly validation?: DataSourceConfig | null;
  /**
   * Images that the linear probe learns from; neither tokenizer nor transformer sees them.
   * @default part of `train`, see `keptForProbe`
   */
  readonly probe?: DataSourceConfig | null;
  /** Images that the linear probe is tested on. @default those of `validation` */
  readonly test?: DataSourceConfig | null;
  /**
   * Without `validation`: how much of `train` is held out at random; below 1 a fraction, from 1 on
   * a number of images, but never more than a tenth of `train`.
   * @default 1000
   */
  readonly heldOut?: number;
  /**
   * Without `probe`, where a probe is asked for: the fraction of `train` that is kept for it.
   * @default 0.2
   */
  readonly keptForProbe?: number;
}

/** How training images are shown. */
export interface ShownImagesConfig {
  /** Size to which an image is scaled before it is cropped. @default the model's image size */
  readonly resizeTo?: number | readonly [number, number];
  /** @default 'center' */
  readonly crop?: 'center' | 'random';
  /** Whether half of the images, at random, are mirrored. @default true */
  readonly flip?: boolean;
  /** Steps in place of `crop` and `flip`, see `BatchOptions.augment`. @default none */
  readonly augment?: Augmentation;
}

/** When and on how much a training is measured. */
export interface MeasuringConfig extends IntervalOptions {
  /** So many of the validation images, at equal distances. @default 1000 */
  readonly images?: number;
  /** Number of images that are measured at once; it does not change the results. @default 50 */
  readonly batchSize?: number;
}

/** What a training of a run has beside the trainer's own config. */
export interface StageTrainingConfig {
  /** Images of a step. */
  readonly batchSize: number;
  /** Besides the end. @default { everySeconds: 60 } */
  readonly evaluation?: MeasuringConfig;
  /** @default { everySeconds: 30, keep: 2 } */
  readonly checkpoint?: IntervalOptions & { readonly keep?: number };
}

/** A tokenizer that is trained, or one that exists. */
export type TokenizerStageConfig =
  | {
      readonly model: TokenizerConfig;
      readonly training: Omit<TokenizerTrainingConfig, 'seed' | 'precision' | 'discriminator'> &
        StageTrainingConfig & {
          /** Null: none, as where `losses.adversarial` is 0. @default null */
          readonly discriminator?: TokenizerTrainingConfig['discriminator'] | null;
          readonly images?: ShownImagesConfig;
          /**
           * Files with the weights of LPIPS, which `losses.perceptual` above 0 needs; see
           * `loadLPIPS` of @vitvq/evaluation. @default none
           */
          readonly perceptual?: string | readonly string[] | null;
          /**
           * Folder of a feature extractor, whose pooled features latents are aligned with where
           * `losses.alignment` is above 0; see docs/feature-extractors.md. @default none
           */
          readonly alignment?: string | null;
        };
    }
  | {
      /** Folder of a model or of a run, or `owner/name` on a model hub. */
      readonly from: string;
    };

/** Conditions of a transformer. */
export type ConditionConfig =
  | { readonly kind: 'class' }
  | { readonly kind: 'none' }
  | {
      /** Captions of the images; where an image has several, the first. */
      readonly kind: 'text';
      /** Tokens of a text: longer ones are cut off. @default 32 */
      readonly length?: number;
      /** Tokens of the vocabulary that is learned from the captions. @default 2048 */
      readonly vocabSize?: number;
      /** A `tokenizer.json` to use instead. @default none */
      readonly tokenizer?: string;
    }
  | FeatureConditionConfig;

/**
 * Vectors of a trained network, such as CLIP's: of each image, or of its caption. What a
 * transformer learned from vectors of images can draw what a text says, where the network puts both
 * in one space.
 */
export interface FeatureConditionConfig {
  readonly kind: 'features';
  /**
   * Folder of `vitvq import-features`, or an `.onnx` file of the image tower; see
   * docs/feature-extractors.md.
   */
  readonly network: string;
  /** The `.onnx` file of the text tower, where `network` is such a file. @default none */
  readonly textNetwork?: string;
  /** The `tokenizer.json` of the network's texts. @default none: it knows images alone */
  readonly tokenizer?: string;
  /** What the vectors are of. @default images */
  readonly of?: 'images' | 'captions';
  /** Embedded vectors that the transformer sees before an image. @default 4 */
  readonly length?: number;
}

/** Codes that a transformer learns from. */
export interface CodesConfig {
  /**
   * Passes over the images: the first as they are, the second mirrored, and so on. @default 2
   */
  readonly views?: number;
  /** So many of the training images, at equal distances. @default all of them */
  readonly images?: number;
}

/** A transformer over the tokenizer's codes. */
export interface TransformerStageConfig {
  readonly model: TransformerSize;
  /** @default { kind: 'class' } where the images have classes, else { kind: 'none' } */
  readonly condition?: ConditionConfig;
  readonly codes?: CodesConfig;
  readonly training: Omit<TransformerTrainingConfig, 'seed' | 'precision'> & StageTrainingConfig;
}

/** Images that a run generates at its end. */
export interface SamplesConfig {
  /**
   * Of each class, of each of the first captions of the validation images, or in all where there is
   * no condition. @default 10
   */
  readonly perClass?: number;
  /** Strength of classifier-free guidance; null: none. @default null */
  readonly guidanceScale?: number | null;
  /** The so many most likely codes; null: all. @default null */
  readonly topK?: number | null;
  /** The most likely codes of this probability together; null: all. @default null */
  readonly topP?: number | null;
  /** @default 1 */
  readonly temperature?: number;
  /**
   * How a masked or any-order transformer decodes; null: as its sampler does by default.
   * @default null
   */
  readonly decoding?: Decoding | null;
  /**
   * Images that are drawn for each that is kept: the one whose class the transformer is surest of,
   * see `GenerateOptions` of @vitvq/sampling. It needs classes, and a transformer that is not
   * masked. @default 1
   */
  readonly candidates?: number;
  /**
   * Probability of the class at which a candidate is kept and no further one is drawn.
   * @default 1: all are drawn
   */
  readonly sureEnough?: number;
}

/** Linear probe of every block of the models. */
export interface ProbeConfig {
  /** So many of the images to learn from, at equal distances. @default all */
  readonly images?: number;
  /** So many of the images to test on. @default all */
  readonly testImages?: number;
  /** Share of the images to choose penalties and the best block on. @default 0.2 */
  readonly validationFraction?: number;
  /** Penalties that are tried, until two in a row were worse. @default 1 down to 1e-5 */
  readonly l2?: readonly number[];
  /** Raw pixels, a baseline, are averaged over squares of this side. @default 2 */
  readonly pixelPool?: number;
  /** Nearest neighbours that classify beside each linear probe; 0: none. @default 20 */
  readonly neighbors?: number;
  /** Whether the best block is probed with attentive pooling as well. @default false */
  readonly attention?: boolean;
}

/** Classifier that stands in for the network that the field measures with. */
export interface ProxyConfig {
  /** Steps of its training. @default 800 */
  readonly steps?: number;
  /** Images of a step. @default 32 */
  readonly batchSize?: number;
  /** Channels of its stages, in multiples of 8. @default [32, 64, 128] */
  readonly channels?: readonly number[];
  /** Height and width to which it scales images. @default [32, 32] */
  readonly inputSize?: readonly [number, number];
}

/** Figures of the models, measured at the end of a run on its validation images. */
export interface EvaluationConfig {
  /** So many of the validation images. @default all */
  readonly images?: number;
  /** Images that the transformer draws to be measured. @default 1000 */
  readonly generated?: number;
  /**
   * Folder of a feature extractor that `vitvq import-features` wrote; null: the proxy.
   * @default null
   */
  readonly features?: string | null;
  /**
   * Classifier that is trained on the run's own images, where there is no feature extractor; null:
   * none. @default { steps: 800 }
   */
  readonly proxy?: ProxyConfig | null;
  /** Files with the weights of LPIPS. @default null */
  readonly lpips?: string | readonly string[] | null;
}

/** One run as data: everything that decides its numbers. */
export interface RunConfig {
  /** Headline of the report. @default 'A vitvq run' */
  readonly title?: string;
  /** Seed of everything that is drawn. @default 0 */
  readonly seed?: number;
  /** Type of matrix products and convolutions in training. @default 'float32' */
  readonly precision?: Precision;
  /** @default 'auto' */
  readonly engine?: EngineName | 'auto';
  /** Threads of the engine. @default the engine's own choice */
  readonly threads?: number;
  /**
   * Devices of the engine `pjrt` over which batches, layers and weights are sharded.
   * @default one device
   */
  readonly mesh?: MeshOptions;
  readonly data: RunDataConfig;
  readonly tokenizer: TokenizerStageConfig;
  /** @default none: the run ends with the tokenizer */
  readonly transformer?: TransformerStageConfig | null;
  /** @default {} where there is a transformer */
  readonly samples?: SamplesConfig;
  /** @default none */
  readonly probe?: ProbeConfig | null;
  /** @default none */
  readonly evaluation?: EvaluationConfig | null;
}

const own = { seed: true, precision: true } as const;

const trainedTokenizer = z.strictObject({
  model: tokenizerConfigSchema(),
  training: tokenizerTrainingSchema.omit(own).extend({
    ...stageTrainingFields,
    discriminator: tokenizerTrainingSchema.shape.discriminator.unwrap().nullable().default(null),
    images: shownImagesSchema,
    perceptual: z.union([z.string(), z.array(z.string()).readonly()]).nullish(),
    alignment: z.string().nullish(),
  }),
});

const transformer = z.strictObject({
  model: transformerSizeSchema,
  condition: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('class') }),
      z.strictObject({ kind: z.literal('none') }),
      z.strictObject({
        kind: z.literal('text'),
        length: count.default(32),
        vocabSize: z.int().min(256).default(2048),
        tokenizer: z.string().min(1).optional(),
      }),
      z.strictObject({
        kind: z.literal('features'),
        network: z.string().min(1),
        textNetwork: z.string().min(1).optional(),
        tokenizer: z.string().min(1).optional(),
        of: z.enum(['images', 'captions']).default('images'),
        length: count.default(4),
      }),
    ])
    .optional(),
  codes: z.strictObject({ views: count.default(2), images: count.optional() }).prefault({}),
  training: transformerTrainingSchema.omit(own).extend(stageTrainingFields),
});

/** Returns whether the latents of a tokenizer are codes. */
const hasCodes = ({ model }: TrainedTokenizerConfig): boolean => model.quantizer.kind in quantizerKinds;

const proxy = z.strictObject({
  steps: count.default(800),
  batchSize: count.default(32),
  channels: z.array(z.int().min(8).multipleOf(8)).min(1).readonly().default([32, 64, 128]),
  inputSize: z.tuple([count, count]).readonly().default([32, 32]),
});
/**
 * Schema of {@link RunConfig}; it fills in the defaults. Unknown keys are problems.
 */
export const runConfigSchema = z
  .strictObject({
    ...generalFields,
    data: z.strictObject({
      ...dataFields,
      probe: dataSourceSchema.nullish(),
      test: dataSourceSchema.nullish(),
      keptForProbe: fraction.default(0.2),
    }),
    tokenizer: z.union([trainedTokenizer, z.strictObject({ from: z.string().min(1) })]),
    transformer: transformer.nullish().transform((stage) => stage ?? undefined),
    samples: z
      .strictObject({
        perClass: count.default(10),
        guidanceScale: z.number().nullable().default(null),
        topK: count.nullable().default(null),
        topP: z.number().gt(0).max(1).nullable().default(null),
        temperature: z.number().gt(0).default(1),
        decoding: z.record(z.string(), z.unknown()).nullable().default(null),
        candidates: count.default(1),
        sureEnough: z.number().gt(0).max(1).default(1),
      })
      .prefault({}),
    probe: z
      .strictObject({
        images: count.optional(),
        testImages: count.optional(),
        validationFraction: fraction.default(0.2),
        l2: z.array(z.number().min(0)).min(1).readonly().default([1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5]),
        pixelPool: count.default(2),
        neighbors: z.int().min(0).default(20),
        attention: z.boolean().default(false),
      })
      .nullish(),
    evaluation: z
      .strictObject({
        images: count.optional(),
        generated: z.int().min(0).default(1000),
        features: z.string().min(1).nullable().default(null),
        proxy: proxy.nullable().prefault({}),
        lpips: z
          .union([z.string(), z.array(z.string()).readonly()])
          .nullable()
          .default(null),
      })
      .nullish(),
  })
  .refine(({ probe, transformer: stage }) => !probe || stage !== undefined, {
    path: ['probe'],
    error: 'expected a transformer beside a probe: it is the transformer that is probed',
  })
  .refine(({ tokenizer, transformer: stage }) => !stage || 'from' in tokenizer || hasCodes(tokenizer), {
    path: ['tokenizer', 'model', 'quantizer', 'kind'],
    error: 'expected a quantizer of codes beside a transformer, such as vector or fsq: kl has no tokens',
  })
  .superRefine(({ mesh, tokenizer, transformer: stage }, context) => {
    if ('training' in tokenizer) refineBatchSize(mesh, tokenizer.training, ['tokenizer', 'training'], context);
    if (stage) refineBatchSize(mesh, stage.training, ['transformer', 'training'], context);
  })
  .superRefine(({ samples, transformer: stage }, context) => {
    if (samples.decoding === null) return;
    const { data: _, error } = decodingSchemaOf(stage?.model.kind).safeParse(samples.decoding);
    for (const { path, message } of error?.issues ?? []) {
      context.addIssue({ code: 'custom', path: ['samples', 'decoding', ...path], message });
    }
  });

/** Config of a run with its defaults. */
export type ResolvedRunConfig = z.output<typeof runConfigSchema>;

/** Config of a tokenizer that is trained, with its defaults. */
export type TrainedTokenizerConfig = z.output<typeof trainedTokenizer>;

/** Config of a proxy classifier with its defaults. */
export type ResolvedProxy = z.output<typeof proxy>;

/** Config of a transformer that is trained, with its defaults. */
export type ResolvedTransformerStage = z.output<typeof transformer>;
