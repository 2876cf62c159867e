import { maximumSize, toSize2D, type Size2D } from '@vitvq/core';
import { activationNames, type Activation, type Positions } from '@vitvq/layers';
import { z } from 'zod';

/** How the tokens of an image become one vector, in the order of the documentation. */
export const poolNames = ['class-token', 'mean'] as const;

/**
 * How the tokens of an image become one vector. `class-token`: a learned token stands before the
 * patches, and its output is taken (arXiv:2010.11929, section 3.1). `mean`: the mean of the
 * outputs of the patches (the same paper, appendix D.3).
 */
export type Pool = (typeof poolNames)[number];

/** Size of a classifier: its config without what follows from the classes of the images. */
export interface ViTClassifierSize {
  /** Pixels: one number, or `[height, width]`; a multiple of `patchSize`. */
  readonly imageSize: Size2D;
  /** Pixels of a patch: one number, or `[height, width]`. */
  readonly patchSize: Size2D;
  /** Channels of the images. @default 3 */
  readonly channels?: number;
  /** Width of a token, D; a multiple of `numHeads`, and of 4 with `sincos` positions. */
  readonly dim: number;
  /** Number of blocks. */
  readonly depth: number;
  /** Number of attention heads, M. */
  readonly numHeads: number;
  /** Hidden width of the feed-forward layers. */
  readonly mlpDim: number;
  /** @default 'class-token' */
  readonly pool?: Pool;
  /** Activation of the feed-forward layers. @default 'gelu' */
  readonly activation?: Activation;
  /**
   * Kind of position embeddings. The class token has one of its own with `learned`, and none with
   * `sincos`. @default 'learned', as in ViT
   */
  readonly positions?: Positions;
  /** Pixels x become (x - mean) / deviation. @default { mean: 0.5, deviation: 0.5 } */
  readonly pixelNormalization?: { readonly mean: number; readonly deviation: number };
  /**
   * Whether a training step computes activations a second time instead of keeping them; see
   * `Transformer` of @vitvq/layers. @default false
   */
  readonly recompute?: boolean;
}

/** Vision transformer that classifies images (ViT, arXiv:2010.11929) as data that JSON holds. */
export interface ViTClassifierConfig extends ViTClassifierSize {
  /** Number of classes, K: 2 or more. */
  readonly classes: number;
  /** Names of the classes, in the order of their labels; none, or K of them. @default none */
  readonly classNames?: readonly string[];
}

/** Not `z.int()`, at whose problems zod stops: here all have to be told. */
const integer = (minimum: number): z.ZodNumber =>
  z.number().refine((value) => Number.isInteger(value) && value >= minimum && value <= maximumSize, {
    error: `expected an integer from ${minimum} to ${maximumSize}`,
  });

const positive = integer(1);
const pixels = z.union([positive, z.tuple([positive, positive]).readonly()]);

const sizeFields = {
  imageSize: pixels,
  patchSize: pixels,
  channels: positive.default(3),
  dim: positive,
  depth: positive,
  numHeads: positive,
  mlpDim: positive,
  pool: z.enum(poolNames).default('class-token'),
  activation: z.enum(activationNames).default('gelu'),
  positions: z.enum(['sincos', 'learned']).default('learned'),
  pixelNormalization: z
    .strictObject({ mean: z.number(), deviation: z.number().gt(0) })
    .default({ mean: 0.5, deviation: 0.5 }),
  recompute: z.boolean().default(false),
};

type Size = z.output<z.ZodObject<typeof sizeFields>>;

/** Adds a problem for each pair of options that do not fit together. */
function assertFits({ imageSize, patchSize, dim, numHeads, positions }: Size, context: z.RefinementCtx): void {
  const add = (name: keyof Size, message: string): void =>
    context.addIssue({ code: 'custom', path: [name], message: `expected ${message}` });
  const [image, patch] = [toSize2D(imageSize), toSize2D(patchSize)];
  if (image.some((side, axis) => side % patch[axis]! !== 0)) {
    add('imageSize', `a multiple of patchSize ${patch.join('x')}`);
  }
  if (dim % numHeads !== 0) add('dim', `a multiple of numHeads ${numHeads}`);
  if (positions === 'sincos' && dim % 4 !== 0) add('dim', "a multiple of 4, or positions 'learned'");
}

/** Schema of {@link ViTClassifierSize}; it fills in the defaults. Unknown keys are problems. */
export const classifierSizeSchema = z.strictObject(sizeFields).superRefine(assertFits);

/** Schema of {@link ViTClassifierConfig}; it fills in the defaults. Unknown keys are problems. */
export const classifierConfigSchema = z
  .strictObject({ ...sizeFields, classes: integer(2), classNames: z.array(z.string()).readonly().default([]) })
  .superRefine((config, context) => {
    assertFits(config, context);
    const { classes, classNames } = config;
    if (classNames.length === 0 || classNames.length === classes) return;
    context.addIssue({
      code: 'custom',
      path: ['classNames'],
      message: `expected ${classes} names, or none`,
    });
  });

/** Config of a classifier with its defaults. */
export type ResolvedClassifierConfig = z.output<typeof classifierConfigSchema>;
