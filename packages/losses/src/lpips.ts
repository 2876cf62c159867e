import * as tf from '@tensorflow/tfjs-core';
import {
  assertInteger,
  assertShape,
  channelWeight,
  ConfigError,
  convolutionWeight,
  formatShape,
  Module,
  sameWeight,
  ShapeError,
  type HostTensor,
  type PerceptualLoss,
  type ReferenceWeight,
} from '@vitvq/core';
import { assertFloats, assertSameFloats } from './internal/checks.js';
import { maxPool } from './internal/max-pool.js';

/** Channels of the five stages of a VGG16. */
export type VGG16Channels = readonly [number, number, number, number, number];

/** Of VGG16 itself (Simonyan & Zisserman 2015, arXiv:1409.1556, table 1, column D). */
export const VGG16_CHANNELS: VGG16Channels = [64, 128, 256, 512, 512];

/**
 * What images in [-1, 1] are shifted and divided by, so that they are as VGG16 saw them: ImageNet's mean and standard
 * deviation a channel, on that scale. `scaling_layer` of the lpips package, whose files with linear layers leave it out.
 */
export const LPIPS_SCALING = { shift: [-0.03, -0.088, -0.188], scale: [0.458, 0.448, 0.45] } as const;

export interface LPIPSOptions {
  /** Other widths than VGG16's are for tests: nobody has trained weights of them. @default VGG16_CHANNELS */
  readonly channels?: VGG16Channels;
}

/** Where the layers of each stage are in torchvision's `vgg16().features`; its four poolings lie between the stages. */
const stageLayers = [
  [0, 2],
  [5, 7],
  [10, 12, 14],
  [17, 19, 21],
  [24, 26, 28],
] as const;

/** Four halvings leave one pixel of 16. */
const smallestSide = 16;

const frozen = { trainable: false };
const zeros = (...shape: number[]): HostTensor => ({
  shape,
  data: new Float32Array(shape.reduce((product, side) => product * side, 1)),
});

/** 3x3 convolution with zeros around, and ReLU. */
class Convolution extends Module {
  readonly #weight: tf.Variable<tf.Rank.R4>;
  readonly #bias: tf.Variable<tf.Rank.R1>;

  constructor(inChannels: number, outChannels: number) {
    super();
    this.#weight = this.variable('weight', zeros(3, 3, inChannels, outChannels), frozen);
    this.#bias = this.variable('bias', zeros(outChannels), frozen);
  }

  apply(x: tf.Tensor4D): tf.Tensor4D {
    return tf.relu(tf.add(tf.conv2d(x, this.#weight, 1, 'same'), this.#bias));
  }
}

/**
 * Learned perceptual image patch similarity on VGG16 (Zhang et al. 2018, arXiv:1801.03924, eq. 1): features of both images
 * after relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3, each pixel's features scaled to length 1, squared differences weighted a
 * channel, averaged over pixels, summed over the five stages. The arithmetic is that of the authors' package lpips 0.1.4,
 * `LPIPS(net='vgg')` in evaluation: the dropout before its linear layers never acts here.
 *
 * A new one has no weights, and says so when it is used: random features are not this measure. `loadVariables` sets them;
 * `loadLPIPS` of @vitvq/stage1 reads them from a file. All variables are frozen. Plain tensor code with fixed shapes, which
 * compiles.
 *
 * Deviation: where all features of a pixel are 0 the gradient of their length is 0, not NaN.
 *
 * Variables: `scaling.shift` and `scaling.scale` `[3]`, `stages.S.I.weight` `[3, 3, in, out]` and `stages.S.I.bias`,
 * `linear.S.weight` `[C]` for the stages S = 0, ..., 4.
 */
export class LPIPS extends Module implements PerceptualLoss {
  readonly channels: VGG16Channels;
  readonly #shift: tf.Variable<tf.Rank.R1>;
  readonly #scale: tf.Variable<tf.Rank.R1>;
  readonly #stages: readonly (readonly Convolution[])[];
  readonly #linear: readonly tf.Variable<tf.Rank.R1>[];
  #loaded = false;

  /** @throws {ConfigError} */
  constructor({ channels = VGG16_CHANNELS }: LPIPSOptions = {}) {
    super();
    assertChannels(channels);
    this.channels = channels;
    this.#shift = this.variable('scaling.shift', { shape: [3], data: Float32Array.from(LPIPS_SCALING.shift) }, frozen);
    this.#scale = this.variable('scaling.scale', { shape: [3], data: Float32Array.from(LPIPS_SCALING.scale) }, frozen);
    this.#stages = stageLayers.map((layers, stage) =>
      layers.map((_, index) => {
        const inChannels = index > 0 ? channels[stage]! : (channels[stage - 1] ?? 3);
        return this.child(`stages.${stage}.${index}`, new Convolution(inChannels, channels[stage]!));
      }),
    );
    this.#linear = channels.map((count, stage) => this.variable(`linear.${stage}.weight`, zeros(count), frozen));
  }

  /** Whether `loadVariables` has set the weights. */
  get loaded(): boolean {
    return this.#loaded;
  }

  override loadVariables(values: ReadonlyMap<string, HostTensor>): void {
    super.loadVariables(values);
    this.#loaded = true;
  }

  /**
   * Images `[B, H, W, 3]` in [0, 1] to the distance of each pair, `[B]`, at least 0 with weights that are.
   * @throws {ShapeError} when the batches differ in shape, or images have other than 3 channels or sides below 16 pixels
   * @throws {ConfigError} when no weights were loaded
   */
  distance(images: tf.Tensor4D, others: tf.Tensor4D): tf.Tensor1D {
    return tf.tidy(() => tf.addN(this.#layerDistances(images, others, 'distance')));
  }

  /** The five terms of `distance`, each `[B]`. @throws {ShapeError} @throws {ConfigError} */
  layerDistances(images: tf.Tensor4D, others: tf.Tensor4D): tf.Tensor1D[] {
    return tf.tidy(() => this.#layerDistances(images, others, 'layerDistances'));
  }

  /**
   * Images `[B, H, W, 3]` in [0, 1] to what each stage ends in, `[B, H / 2^S, W / 2^S, C]` rounded down, not scaled.
   * @throws {ShapeError} @throws {ConfigError}
   */
  features(images: tf.Tensor4D): tf.Tensor4D[] {
    this.#assertReady(images, 'features');
    return tf.tidy(() => this.#features(images));
  }

  #layerDistances(images: tf.Tensor4D, others: tf.Tensor4D, method: string): tf.Tensor1D[] {
    this.#assertReady(images, method);
    assertSameFloats({ images, others }, `LPIPS.${method}`);
    // Two passes, not one over both: where the gradient goes to one side only, the other side's is never made.
    const [a, b] = [this.#features(images), this.#features(others)];
    return this.#linear.map((weight, stage) => {
      const difference = tf.square(tf.sub(unitLength(a[stage]!), unitLength(b[stage]!))); // [B, H', W', C]
      return tf.mean<tf.Tensor1D>(tf.sum(tf.mul(difference, weight), 3), [1, 2]);
    });
  }

  #features(images: tf.Tensor4D): tf.Tensor4D[] {
    let x = tf.div<tf.Tensor4D>(tf.sub(tf.sub(tf.mul(images, 2), 1), this.#shift), this.#scale);
    return this.#stages.map((layers, stage) => {
      x = layers.reduce((y, layer) => layer.apply(y), stage === 0 ? x : maxPool(x));
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
        fix: 'Call loadVariables, or make it with loadLPIPS of @vitvq/stage1, whose documentation says where weights come from.',
      });
    }
    assertShape(images, ['B', 'H', 'W', 3], where);
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

/** Each pixel's features over their length plus 1e-10. */
function unitLength(features: tf.Tensor4D): tf.Tensor4D {
  // No float32 square is as small as 1e-30 without being negligible; at 0 the square root would have an infinite slope.
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

/** Weights of the lpips package's `LPIPS(net='vgg')`. */
export function lpipsReferenceWeights(): ReferenceWeight[] {
  return [
    channelWeight('scaling.shift', 'scaling_layer.shift'),
    channelWeight('scaling.scale', 'scaling_layer.scale'),
    ...stageLayers.flatMap((layers, stage) =>
      layers.flatMap((layer, index) => [
        convolutionWeight(`stages.${stage}.${index}.weight`, `net.slice${stage + 1}.${layer}.weight`),
        sameWeight(`stages.${stage}.${index}.bias`, `net.slice${stage + 1}.${layer}.bias`),
      ]),
    ),
    ...stageLayers.map((_, stage) => channelWeight(`linear.${stage}.weight`, `lin${stage}.model.1.weight`)),
  ];
}
