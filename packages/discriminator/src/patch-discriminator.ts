import * as tf from '@tensorflow/tfjs-core';
import {
  assertInteger,
  assertOneOf,
  assertShape,
  checkOptions,
  foldIn,
  formatShape,
  imageShapeAdvice,
  Module,
  normalInitializer,
  prefixReferenceWeights,
  ShapeError,
  type OptionTable,
} from '@vitvq/core';
import type { Discriminator, RandomKey, ReferenceWeight } from '@vitvq/core';
import {
  ActNorm,
  actNormReferenceWeights,
  BatchNorm,
  batchNormReferenceWeights,
  Convolution,
  convolutionReferenceWeights,
  leakyRelu,
  type NormalizeOptions,
} from '@vitvq/layers';

/** Options of {@link PatchDiscriminator}. */
export interface PatchDiscriminatorOptions {
  /** Channels of the images. @default 3 */
  readonly inChannels?: number;
  /**
   * Channels after the first convolution; each further layer doubles them, up to eightfold.
   * @default 64
   */
  readonly baseChannels?: number;
  /** Number of layers that halve the image. @default 3, for patches of 70 x 70 pixels */
  readonly depth?: number;
  /** Normalisation after every convolution but the first and the last. @default 'batch-norm' */
  readonly normalization?: 'batch-norm' | 'act-norm';
  readonly key: RandomKey;
}

const patchDiscriminatorOptionNames: OptionTable<PatchDiscriminatorOptions> = {
  inChannels: 'optional',
  baseChannels: 'optional',
  depth: 'optional',
  normalization: 'optional',
  key: 'required',
};

/** Standard deviation of the weights at the start, as in pix2pix. */
const weightStddev = 0.02;

interface LayerPlan {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly stride: number;
  readonly useBias: boolean;
}

/** Creates a 4x4 convolution with one zero on every side, which starts as in pix2pix. */
function convolution(layer: LayerPlan, key: RandomKey): Convolution {
  const initializer = normalInitializer(weightStddev);
  return new Convolution({ ...layer, kernelSize: 4, padding: 1, initializer, key });
}

/** Returns the first convolution, those with a normalisation, and the one that makes logits. */
function plan({
  inChannels = 3,
  baseChannels = 64,
  depth = 3,
  normalization = 'batch-norm',
}: Omit<PatchDiscriminatorOptions, 'key'>): { input: LayerPlan; blocks: LayerPlan[]; output: LayerPlan } {
  assertInteger(inChannels, 'inChannels', 'PatchDiscriminator');
  assertInteger(baseChannels, 'baseChannels', 'PatchDiscriminator');
  assertInteger(depth, 'depth', 'PatchDiscriminator');
  assertOneOf(normalization, ['batch-norm', 'act-norm'], 'normalization', 'PatchDiscriminator');
  const width = (layer: number): number => baseChannels * Math.min(2 ** layer, 8);
  return {
    input: { inChannels, outChannels: baseChannels, stride: 2, useBias: true },
    blocks: Array.from({ length: depth }, (_, index) => ({
      inChannels: width(index),
      outChannels: width(index + 1),
      stride: index + 1 < depth ? 2 : 1,
      // A batch norm has a bias of its own.
      useBias: normalization === 'act-norm',
    })),
    output: { inChannels: width(depth), outChannels: 1, stride: 1, useBias: true },
  };
}

/**
 * Tells patches of an image from patches of real images: the discriminator of pix2pix (Isola et al.
 * 2017, arXiv:1611.07004, sec. 3.2.2) and of VQGAN, a baseline in ViT-VQGAN's Table 3. It has 4x4
 * convolutions, leaky ReLUs with slope 0.2, and no normalisation after the first convolution.
 *
 * Gradients of second order exist, as R1 needs them, also through batch statistics.
 *
 * Variables: `input.…`, `blocks.0.convolution.…`, `blocks.0.normalization.…` and so on, and
 * `output.…`.
 */
export class PatchDiscriminator extends Module implements Discriminator {
  readonly inChannels: number;
  readonly #input: Convolution;
  readonly #blocks: readonly { convolution: Convolution; normalization: BatchNorm | ActNorm; stride: number }[];
  readonly #output: Convolution;

  /** @throws {ConfigError} */
  constructor(options: PatchDiscriminatorOptions) {
    super();
    checkOptions(options, patchDiscriminatorOptionNames, 'PatchDiscriminator', { allowOthers: true });
    const { normalization = 'batch-norm', key } = options;
    const { input, blocks, output } = plan(options);
    this.inChannels = input.inChannels;
    let parts = 0;
    const nextKey = (): RandomKey => foldIn(key, parts++);
    this.#input = this.child('input', convolution(input, nextKey()));
    this.#blocks = blocks.map((block, index) => {
      const normalized = { features: block.outChannels, key: nextKey() };
      return {
        convolution: this.child(`blocks.${index}.convolution`, convolution(block, nextKey())),
        normalization: this.child(
          `blocks.${index}.normalization`,
          normalization === 'act-norm' ? new ActNorm(normalized) : new BatchNorm(normalized),
        ),
        stride: block.stride,
      };
    });
    this.#output = this.child('output', convolution(output, nextKey()));
  }

  /**
   * Returns for images `[B, H, W, C]` in [0, 1] the logits `[B, H', W', 1]`, one for each patch;
   * values are not checked, because compiled code cannot look at them.
   * @param options  `training`: whether batch statistics are used, which move the running
   *   statistics, and whether a first batch sets the scales of `ActNorm`. True by default, because
   *   whoever trains a GAN calls this method through the `Discriminator` contract
   * @throws {ShapeError} when the images have other channels or are too small for one patch
   */
  logits(images: tf.Tensor4D, { training }: NormalizeOptions = { training: true }): tf.Tensor4D {
    const { inChannels } = this;
    const advice = imageShapeAdvice(images.shape, inChannels, `This discriminator is for ${inChannels} channels.`);
    assertShape(images, ['B', 'H', 'W', inChannels], 'PatchDiscriminator.logits', advice);
    const smallest = this.#smallestSide();
    if (Math.min(images.shape[1], images.shape[2]) < smallest) {
      throw new ShapeError({
        where: 'PatchDiscriminator.logits',
        expected: `images of at least ${smallest}x${smallest} pixels`,
        got: formatShape(images.shape),
        fix: 'Use larger images or a smaller depth.',
      });
    }
    return tf.tidy(() => {
      let features = leakyRelu(this.#input.apply(images));
      for (const { convolution, normalization } of this.#blocks) {
        features = leakyRelu(normalization.apply(convolution.apply(features), { training }));
      }
      return this.#output.apply(features);
    });
  }

  /** Returns the smallest side: two layers of stride 1 take one row each, the others halve. */
  #smallestSide(): number {
    return this.#blocks.filter(({ stride }) => stride === 2).reduce((side) => 2 * side, 2 * 3);
  }
}

/** Returns the weights of the reference's `PatchDiscriminator`, an `nn.Sequential`. */
export function patchDiscriminatorReferenceWeights(
  options: Omit<PatchDiscriminatorOptions, 'key'> = {},
): ReferenceWeight[] {
  const { key: _key, ...names } = patchDiscriminatorOptionNames;
  checkOptions(options, names, 'patchDiscriminatorReferenceWeights', { allowOthers: true });
  const { input, blocks, output } = plan(options);
  const normalization = options.normalization === 'act-norm' ? actNormReferenceWeights() : batchNormReferenceWeights();
  return [
    ...prefixReferenceWeights(convolutionReferenceWeights(input), 'input', 'main.0'),
    ...blocks.flatMap((block, index) => [
      ...prefixReferenceWeights(
        convolutionReferenceWeights(block),
        `blocks.${index}.convolution`,
        `main.${2 + 3 * index}`,
      ),
      ...prefixReferenceWeights(normalization, `blocks.${index}.normalization`, `main.${3 + 3 * index}`),
    ]),
    ...prefixReferenceWeights(convolutionReferenceWeights(output), 'output', `main.${2 + 3 * blocks.length}`),
  ];
}
