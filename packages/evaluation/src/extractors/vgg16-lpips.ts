import * as tf from '@tensorflow/tfjs-core';
import type { TensorFile } from '@vitvq/checkpoint';
import {
  assertFitsBudget,
  assertShape,
  imageShapeAdvice,
  maximumSize,
  type HostTensor,
  type PerceptualLoss,
  type RandomKey,
} from '@vitvq/core';
import { LPIPS, LPIPS_SCALING, lpipsReferenceWeights, VGG16_CHANNELS } from '@vitvq/losses';
import { z } from 'zod';
import { ExtractorNetwork } from './extractor-network.js';
import type { ImportedWeight, WeightImport } from './internal/imported-weights.js';
import type { NetworkFeatures } from './network-features.js';

const channels = z.int().min(1).max(maximumSize);

/** Schema of the config of a {@link VGG16LPIPS}. */
export const vgg16Schema = z.strictObject({
  kind: z.literal('vgg16-lpips'),
  /** Channels of the five stages. */
  channels: z.tuple([channels, channels, channels, channels, channels]),
});

/** Config of a {@link VGG16LPIPS}. */
export type VGG16Config = z.output<typeof vgg16Schema>;

/** Height and width of the images of ImageNet on which VGG16 was trained. */
const side = 224;

/**
 * VGG16 with the linear layers of LPIPS (Zhang et al. 2018, arXiv:1801.03924), as the package lpips
 * has it. `distance` is LPIPS. Images are taken in their own size, of at least 16 pixels.
 *
 * Features: `pooled` `[B, 512]`, the means of the last stage over places, and `blocks` `relu1_2` to
 * `relu5_3`, `[B, H', W', C]`.
 */
export class VGG16LPIPS extends ExtractorNetwork implements PerceptualLoss {
  readonly kind = 'vgg16-lpips';
  readonly name = 'vgg16-lpips';
  readonly config: VGG16Config;
  readonly inputSize = [side, side] as const;
  readonly resize = { filter: 'none', crop: 'none' } as const;
  /** The distance by itself, with the same weights. */
  readonly lpips: LPIPS;

  constructor(config: VGG16Config, { key }: { readonly key: RandomKey }) {
    super();
    const widths = [3, ...config.channels];
    const filters = config.channels.map((width, stage) => 9 * width * (widths[stage]! + width));
    assertFitsBudget(key, { elements: filters.reduce((sum, count) => sum + count, 0) }, 'VGG16');
    this.config = config;
    this.lpips = this.child('lpips', new LPIPS({ channels: config.channels }));
  }

  override async seal(): Promise<void> {
    const values = new Map<string, HostTensor>();
    for (const [name, variable] of this.lpips.namedVariables()) {
      values.set(name, { shape: variable.shape, data: await variable.data<'float32'>() });
    }
    this.lpips.loadVariables(values);
    await super.seal();
  }

  /**
   * Returns LPIPS of each pair of images `[B, H, W, 3]` in [0, 1], `[B]`.
   * @throws {ShapeError} @throws {ConfigError} when no weights were loaded
   */
  distance(images: tf.Tensor4D, others: tf.Tensor4D): tf.Tensor1D {
    this.assertLoaded('distance');
    return this.lpips.distance(images, others);
  }

  features(images: tf.Tensor4D): NetworkFeatures {
    this.assertLoaded('features');
    const grey = 'Repeat the channel of grey images three times.';
    assertShape(images, ['B', 'H', 'W', 3], 'VGG16LPIPS.features', imageShapeAdvice(images.shape, 3, grey));
    return tf.tidy(() => {
      const stages = this.lpips.features(images);
      const names = ['relu1_2', 'relu2_2', 'relu3_3', 'relu4_3', 'relu5_3'];
      const pooled = tf.mean<tf.Tensor2D>(stages.at(-1)!, [1, 2]);
      return { pooled, blocks: Object.fromEntries(stages.map((stage, index) => [names[index]!, stage])) };
    });
  }
}

/** Names that torchvision and timm give the classifier, and a second listing of linear layers. */
const ignored = /^(classifier|pre_logits|head|lins)\./;

/** Indices of the last convolutions of the stages in torchvision's `vgg16().features`. */
const lastOfStages = [2, 7, 14, 21, 28];

/**
 * Finds the weights of VGG16 and of the linear layers by the names of the package lpips or of
 * torchvision. Channels other than those of VGG16 are for tests.
 */
export function findVgg16(opened: TensorFile): WeightImport & { readonly config: VGG16Config } {
  const shapes = new Map(opened.entries.map(({ name, shape }) => [name, shape]));
  /** Returns the name that the file has for a name of lpips. */
  const nameInFile = (name: string): string => {
    const others = [name.replace(/^net\.slice\d\./, 'features.'), name.replace(/^lin(\d)\./, 'lins.$1.')];
    return [name, ...others].find((candidate) => shapes.has(candidate)) ?? name;
  };
  const widths = VGG16_CHANNELS.map((usual, stage) => {
    const [width = usual] = shapes.get(nameInFile(`net.slice${stage + 1}.${lastOfStages[stage]}.bias`)) ?? [];
    return width;
  });
  const config = { kind: 'vgg16-lpips', channels: widths as [number, number, number, number, number] } as const;
  return {
    config,
    weights: lpipsReferenceWeights().map(({ name, referenceName, fromReference }): ImportedWeight => {
      const variable = `lpips.${name}`;
      if (referenceName.startsWith('scaling_layer.') && !shapes.has(referenceName)) {
        const values = LPIPS_SCALING[name === 'scaling.shift' ? 'shift' : 'scale'];
        return { variable, sources: [], convert: () => ({ shape: [3], data: Float32Array.from(values) }) };
      }
      const source = { name: nameInFile(referenceName), shape: shapeOf(referenceName, widths) };
      return { variable, sources: [source], convert: ([tensor]) => fromReference(tensor!) };
    }),
    isIgnored: (name) => ignored.test(name),
    noun: 'LPIPS on VGG16',
    fix:
      'Give the state dict of the Python package lpips, LPIPS(net="vgg"), or two files: the state dict of torchvision\'s ' +
      'vgg16 (vgg16-397923af.pth) and the linear layers of lpips (weights/v0.1/vgg.pth).',
  };
}

/** Returns the shape of a tensor of the package lpips. */
function shapeOf(name: string, widths: readonly number[]): number[] {
  const linear = /^lin(\d)\./.exec(name);
  if (linear) return [1, widths[Number(linear[1])]!, 1, 1];
  const layer = /^net\.slice(\d)\.(\d+)\.(weight|bias)$/.exec(name);
  if (!layer) return [1, 3, 1, 1];
  const stage = Number(layer[1]) - 1;
  const out = widths[stage]!;
  if (layer[3] === 'bias') return [out];
  const isFirst = stage === 0 ? layer[2] === '0' : Number(layer[2]) === lastOfStages[stage - 1]! + 3;
  return [out, isFirst ? (widths[stage - 1] ?? 3) : out, 3, 3];
}
