import * as tf from '@tensorflow/tfjs-core';
import {
  ConfigError,
  Module,
  ShapeError,
  assertInteger,
  assertShape,
  channelWeight,
  checkOptions,
  constantInitializer,
  formatShape,
  imageShapeAdvice,
  prefixReferenceWeights,
  randomKey,
  type OptionTable,
} from '@vitvq/core';
import type { HostTensor, PerceptualLoss, ReferenceWeight } from '@vitvq/core';
import { Convolution, convolutionReferenceWeights } from '@vitvq/layers';
import { assertFloats, assertSameFloats } from './internal/checks.js';
import { maxPool } from './internal/max-pool.js';

/** Channels of the five stages of a VGG16 network. */
export type VGG16Channels = readonly [number, number, number, number, number];

/** Channels of VGG16 itself (Simonyan & Zisserman 2015, arXiv:1409.1556, table 1, column D). */
export const VGG16_CHANNELS: VGG16Channels = [64, 128, 256, 512, 512];

/**
 * Shift and scale of images in [-1, 1] that match the images on which VGG16 was trained: ImageNet's
 * mean and standard deviation of each channel, on that scale. These are the `scaling_layer` of the
 * lpips package, which its files with linear layers leave out.
 */
export const LPIPS_SCALING = { shift: [-0.03, -0.088, -0.188], scale: [0.458, 0.448, 0.45] } as const;

/** Options of {@link LPIPS}. */
export interface LPIPSOptions {
  /**
   * Channels of the five stages. Widths other than those of VGG16 are for tests: no trained weights
   * exist for them. @default VGG16_CHANNELS
   */
  readonly channels?: VGG16Channels;
}

const lpipsOptionNames: OptionTable<LPIPSOptions> = {
  channels: 'optional',
};

/**
 * Indices of the layers of each stage in torchvision's `vgg16().features`; its four poolings lie
 * between the stages.
 */
const stageLayers = [
  [0, 2],
  [5, 7],
  [10, 12, 14],
  [17, 19, 21],
  [24, 26, 28],
] as const;

/** Smallest side of an image: four halvings leave one pixel of 16. */
const smallestSide = 16;

const frozen = { trainable: false };

/**
 * Creates a 3x3 convolution with zeros around the image and frozen weights that are 0 until loaded.
 */
function emptyConvolution(inChannels: number, outChannels: number): Convolution {
  const initializer = constantInitializer(0);
  return new Convolution({
    inChannels,
    outChannels,
    trainable: false,
    initializer,
    biasInitializer: initializer,
    key: randomKey(0),
  });
}

/**
 * Learned perceptual image patch similarity on VGG16 (Zhang et al. 2018, arXiv:1801.03924, eq. 1).
 * The features of both images after relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3 are scaled to
 * length 1 at each pixel; their squared differences are weighted by channel, averaged over pixels
 * and summed over the five stages. The arithmetic is that of the authors' package lpips 0.1.4,
 * `LPIPS(net='vgg')` in evaluation: the dropout before its linear layers never acts here.
 *
 * A new LPIPS has no weights and throws when it is used, because random features do not measure
 * what people see. `loadVariables` sets the weights; `loadLPIPS` of @vitvq/evaluation reads them
 * from a file. No optimizer moves the variables. Plain tensor code with fixed shapes, which
 * compiles.
 *
 * Deviation: where all features of a pixel are 0 the gradient of their length is 0, not NaN.
 *
 * Variables: `scaling.shift` and `scaling.scale` `[3]`, `stages.S.I.weight` `[3, 3, in, out]` and
 * `stages.S.I.bias`, and `linear.S.weight` `[C]` for the stages S = 0, ..., 4.
 */
export class LPIPS extends Module implements PerceptualLoss {
  readonly channels: VGG16Channels;
  readonly #shift: tf.Variable<tf.Rank.R1>;
  readonly #scale: tf.Variable<tf.Rank.R1>;
  readonly #stages: readonly (readonly Convolution[])[];
  readonly #linear: readonly tf.Variable<tf.Rank.R1>[];
  #loaded = false;

  /** @throws {ConfigError} */
  constructor(options: LPIPSOptions = {}) {
    super();
    const { channels = VGG16_CHANNELS } = checkOptions(options, lpipsOptionNames, 'LPIPS');
    assertChannels(channels);
    this.channels = channels;
    this.#shift = this.variable('scaling.shift', { shape: [3], data: Float32Array.from(LPIPS_SCALING.shift) }, frozen);
    this.#scale = this.variable('scaling.scale', { shape: [3], data: Float32Array.from(LPIPS_SCALING.scale) }, frozen);
    this.#stages = stageLayers.map((layers, stage) =>
      layers.map((_, index) => {
        const inChannels = index > 0 ? channels[stage]! : (channels[stage - 1] ?? 3);
        return this.child(`stages.${stage}.${index}`, emptyConvolution(inChannels, channels[stage]!));
      }),
    );
    this.#linear = channels.map((count, stage) =>
      this.variable(`linear.${stage}.weight`, { shape: [count], data: new Float32Array(count) }, frozen),
    );
  }

  /** Whether `loadVariables` has set the weights. */
  get loaded(): boolean {
    return this.#loaded;
  }

  /** Sets every variable from host values; see `Module.loadVariables`. @throws {ShapeError} */
  override loadVariables(values: ReadonlyMap<string, HostTensor>): void {
    super.loadVariables(values);
    this.#loaded = true;
  }

  /**
   * Returns the distance of each pair of images `[B, H, W, 3]` in [0, 1], `[B]`. The distances are
   * at least 0 where the weights of the linear layers are.
   * @throws {ShapeError} when the batches differ in shape, or the images have other than 3 channels
   *   or sides below 16 pixels
   * @throws {ConfigError} when no weights were loaded
   */
  distance(images: tf.Tensor4D, others: tf.Tensor4D): tf.Tensor1D {
    return tf.tidy(() => tf.addN(this.#layerDistances(images, others, 'distance')));
  }

  /**
   * Returns the five terms of `distance`, each `[B]`.
   * @throws {ShapeError}
   * @throws {ConfigError}
   */
  layerDistances(images: tf.Tensor4D, others: tf.Tensor4D): tf.Tensor1D[] {
    return tf.tidy(() => this.#layerDistances(images, others, 'layerDistances'));
  }

  /**
   * Returns the last features of each stage S for images `[B, H, W, 3]` in [0, 1],
   * `[B, H / 2^S, W / 2^S, C]` rounded down, not scaled.
   * @throws {ShapeError} @throws {ConfigError}
   */
  features(images: tf.Tensor4D): tf.Tensor4D[] {
    this.#assertReady(images, 'features');
    return tf.tidy(() => this.#features(images));
  }

  #layerDistances(images: tf.Tensor4D, others: tf.Tensor4D, method: string): tf.Tensor1D[] {
    this.#assertReady(images, method);
    assertSameFloats({ images, others }, `LPIPS.${method}`);
    // Each side by itself: where the gradient goes to one side only, none is computed for the
    // other.
    const [a, b] = [this.#features(images), this.#features(others)];
    return this.#linear.map((weight, stage) => {
      const difference = tf.square(tf.sub(unitLength(a[stage]!), unitLength(b[stage]!))); // [B, H', W', C]
      return tf.mean<tf.Tensor1D>(tf.sum(tf.mul(difference, weight), 3), [1, 2]);
    });
  }

  #features(images: tf.Tensor4D): tf.Tensor4D[] {
    let x = tf.div<tf.Tensor4D>(tf.sub(tf.sub(tf.mul(images, 2), 1), this.#shift), this.#scale);
    return this.#stages.map((layers, stage) => {
      x = layers.reduce((y, layer) => tf.relu(layer.apply(y)), stage === 0 ? x : maxPool(x));
      return x;
    });
  }

  #assertReady(images: tf.Tensor4D, method: string): void {
    const where = `LPIPS.${method}`;
    if (!this.#loaded) {
      throw new ConfigError({
        where,
        expected: 'weights of VGG16 and of the linear layers',
        got: 'none: random features would not measure what people see',
        fix: 'Call loadVariables, or use loadLPIPS of @vitvq/evaluation, whose documentation says how to get the weights.',
      });
    }
    const grey = 'Repeat the channel of grey images three times.';
    assertShape(images, ['B', 'H', 'W', 3], where, imageShapeAdvice(images.shape, 3, grey));
    assertFloats({ images }, where, 'Cast them; images are float32 in [0, 1].');
    if (Math.min(images.shape[1], images.shape[2]) < smallestSide) {
      throw new ShapeError({
        where,
        expected: `images of at least ${smallestSide}x${smallestSide} pixels`,
        got: formatShape(images.shape),
        fix: 'VGG16 halves them four times; use larger images.',
      });
    }
  }
}

/** Divides each pixel's features by their length plus 1e-10. */
function unitLength(features: tf.Tensor4D): tf.Tensor4D {
  // At 0 the square root would have an infinite slope; a sum of squares below 1e-30 is negligible.
  const length = tf.sqrt(tf.maximum(tf.sum(tf.square(features), 3, true), 1e-30)); // [B, H, W, 1]
  return tf.div(features, tf.add(length, 1e-10));
}

function assertChannels(channels: readonly number[]): void {
  if (channels.length !== stageLayers.length) {
    throw new ConfigError({
      where: 'LPIPS',
      expected: `channels of ${stageLayers.length} stages`,
      got: `[${channels.join(', ')}]`,
    });
  }
  channels.forEach((count, stage) => assertInteger(count, `channels[${stage}]`, 'LPIPS'));
}

/** Returns the weights of the lpips package's `LPIPS(net='vgg')`. */
export function lpipsReferenceWeights(): ReferenceWeight[] {
  return [
    channelWeight('scaling.shift', 'scaling_layer.shift'),
    channelWeight('scaling.scale', 'scaling_layer.scale'),
    ...stageLayers.flatMap((layers, stage) =>
      layers.flatMap((layer, index) =>
        prefixReferenceWeights(
          convolutionReferenceWeights(),
          `stages.${stage}.${index}`,
          `net.slice${stage + 1}.${layer}`,
        ),
      ),
    ),
    ...stageLayers.map((_, stage) => channelWeight(`linear.${stage}.weight`, `lin${stage}.model.1.weight`)),
  ];
}
