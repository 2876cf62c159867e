import * as tf from '@tensorflow/tfjs';
import {
  DataError,
  Module,
  permuteHost,
  randomKey,
  sameWeight,
  type HostTensor,
  type ReferenceWeight,
} from '@vitvq/core';
import { PixelProjection, pixelProjectionReferenceWeights } from '@vitvq/layers';
import {
  createDiscriminatorGradients,
  createDiscriminatorLoss,
  createTokenizerGradients,
  createTokenizerLoss,
  type TokenizerLossControls,
  type TrainedTokenizer,
} from '@vitvq/stage1-trainer';
import type { VQTokenizerImages } from '@vitvq/tokenizer';
import { ConfigReader } from '../config.js';
import type { TensorRecord } from '../execute.js';
import { tensorsUnder, type LoadedCase } from '../fixture.js';
import { tensorAdapter } from './adapter.js';
import { inReferenceLayout, toChannelsFirst, toChannelsLast } from './gradients.js';
import { readLPIPS } from './lpips.js';
import {
  autoencoderLog,
  discriminatorLog,
  disposeLoss,
  lossOptions,
  readReferenceLoss,
  type ReferenceLoss,
} from './reference-loss.js';
import { splitWeights } from './weights.js';

/**
 * What the cases of losses have instead of a model: reconstructions = base + transposed convolution
 * of `h` by `lastLayer`, and the quantizer's loss. Variables: `reconstructions` (the base, whose
 * gradient is that of the reconstructions), `codebookLoss`, `projection.weight` (`lastLayer`).
 */
class GivenReconstructions extends Module implements TrainedTokenizer {
  readonly output = 'pixels';
  readonly imageSize: readonly [number, number];
  readonly table: readonly ReferenceWeight[];
  readonly #base: tf.Variable<tf.Rank.R4>;
  readonly #quantizerLoss: tf.Variable<tf.Rank.R0>;
  readonly #projection: PixelProjection;
  readonly #tokens: HostTensor;

  constructor(given: ReadonlyMap<string, HostTensor>, where: string) {
    super();
    const read = (name: string): HostTensor => {
      const tensor = given.get(name);
      if (!tensor) throw new DataError({ where, expected: `an input ${name}`, got: [...given.keys()].join(', ') });
      return tensor;
    };
    const base = permuteHost(read('base'), [0, 2, 3, 1]); // [B, H, W, C]
    const [, height, width, channels] = base.shape as [number, number, number, number];
    const h = permuteHost(read('h'), [0, 2, 3, 1]); // [B, rows, columns, D]
    const [batch, rows, columns, dim] = h.shape as [number, number, number, number];
    const lastLayer = read('lastLayer'); // [D, C, P, P]
    const patchSize = lastLayer.shape.slice(2) as [number, number];
    if (rows * patchSize[0] !== height || columns * patchSize[1] !== width) {
      throw new DataError({
        where,
        expected: `patches of ${patchSize.join('x')} for ${rows}x${columns} tokens to fill the images`,
        got: `images of ${height}x${width}`,
      });
    }
    this.imageSize = [height, width];
    this.#tokens = { shape: [batch, rows * columns, dim], data: h.data };
    this.#base = this.variable('reconstructions', base);
    this.#quantizerLoss = this.variable('codebookLoss', read('codebookLoss'));
    this.#projection = this.child(
      'projection',
      new PixelProjection({ imageSize: this.imageSize, patchSize, channels, dim, key: randomKey(0) }),
    );
    const weight = pixelProjectionReferenceWeights({ patchSize, channels }).find(({ name }) => name === 'weight')!;
    this.#projection.loadVariables(
      new Map([
        ['weight', weight.fromReference(lastLayer)],
        ['bias', { shape: [channels], data: new Float32Array(channels) }],
      ]),
    );
    this.table = [
      {
        name: 'reconstructions',
        referenceName: 'reconstructions',
        fromReference: (tensor) => permuteHost(tensor, [0, 2, 3, 1]),
        toReference: (tensor) => permuteHost(tensor, [0, 3, 1, 2]),
      },
      sameWeight('codebookLoss', 'codebookLoss'),
      { ...weight, name: 'projection.weight', referenceName: 'lastLayer' },
    ];
  }

  get lastLayer(): tf.Variable {
    return this.#projection.weight;
  }

  forward(): { decoded: tf.Tensor4D; quantizerLoss: tf.Scalar } {
    const { data, shape } = this.#tokens;
    const made = this.#projection.apply(tf.tensor3d(data, shape as [number, number, number]));
    return { decoded: tf.add(this.#base, made), quantizerLoss: tf.clone(this.#quantizerLoss) };
  }

  toImages(decoded: tf.Tensor4D): VQTokenizerImages {
    return { reconstruction: decoded };
  }
}

/** One call of the reference's loss. */
interface Call {
  readonly name: string;
  readonly optimizerIdx: number;
  readonly globalStep: number;
  readonly batchIdx: number;
  readonly training: boolean;
  readonly split: string;
  readonly noGrad: boolean;
}

/**
 * Without a list of calls there is one for training and one for validation, both with gradients.
 */
const usualCalls: readonly Call[] = ['train', 'val'].map((split) => ({
  name: split,
  optimizerIdx: 0,
  globalStep: 0,
  batchIdx: 0,
  training: split === 'train',
  split,
  noGrad: false,
}));

/**
 * Results of a call: its loss and log as `out/...`, its gradients as `grad/<call>/w/<our name>`.
 */
function runCall(call: Call, loss: ReferenceLoss, model: GivenReconstructions, images: tf.Tensor4D): TensorRecord {
  const { adversary } = loss;
  const results: TensorRecord = {};
  const report = (minimised: tf.Tensor, log: TensorRecord): void => {
    results[`out/${call.name}/loss`] = minimised;
    for (const [entry, value] of Object.entries(log)) results[`out/${call.name}/log/${call.split}/${entry}`] = value;
  };
  const reportGradients = (gradients: ReadonlyMap<string, tf.Tensor>, prefix: string): void => {
    for (const [name, gradient] of gradients) results[`grad/${call.name}/w/${prefix}${name}`] = gradient;
  };
  const started = adversary !== undefined && call.globalStep >= adversary.start;
  const controls: TokenizerLossControls = { adversarialFactor: tf.scalar(started ? 1 : 0) };
  if (call.optimizerIdx === 0) {
    const options = lossOptions(loss, model);
    const { values, gradients } = call.noGrad
      ? { values: createTokenizerLoss(options)(images, controls), gradients: new Map<string, tf.Tensor>() }
      : createTokenizerGradients(options)(images, controls);
    report(values['loss']!, autoencoderLog(loss, values, model.forward().decoded, images));
    reportGradients(gradients, '');
    return results;
  }
  if (!adversary) throw new DataError({ where: call.name, expected: 'a loss with a discriminator', got: 'none' });
  const options = { tokenizer: model, discriminator: adversary.discriminator, loss: adversary.loss };
  const hasR1 = call.training && started && call.batchIdx % adversary.r1Every === 0;
  const r1 = hasR1 ? { weight: adversary.r1Weight } : undefined;
  const { values, gradients } = call.noGrad
    ? { values: createDiscriminatorLoss(options)(images, controls), gradients: new Map<string, tf.Tensor>() }
    : createDiscriminatorGradients({ ...options, r1 })(images, controls);
  report(values['discriminator']!, discriminatorLog(values));
  reportGradients(gradients, 'discriminator.');
  return results;
}

/**
 * `VQLPIPS` and `VQLPIPSWithDiscriminator`: every call with its log and the gradients of its loss.
 */
function lossAdapter(hasDiscriminator: boolean): ReturnType<typeof tensorAdapter> {
  return tensorAdapter(async (fixture, execute) => {
    const { vggChannels, ...config } = fixture.config;
    const channels = new ConfigReader({ vggChannels }, fixture.name).numbers('vggChannels', []);
    const prefixes = ['perceptual_loss.', ...(hasDiscriminator ? ['discriminator.'] : [])];
    const [ofPerceptual, ofDiscriminator] = splitWeights(fixture, prefixes) as [LoadedCase, LoadedCase | undefined];
    const loss = readReferenceLoss(config, fixture.name, readLPIPS(channels, ofPerceptual), ofDiscriminator);
    const { inputs, ...given } = Object.fromEntries(tensorsUnder(fixture.tensors, 'in'));
    const model = new GivenReconstructions(new Map(Object.entries(given)), fixture.name);
    const calls = (fixture.calls ?? usualCalls) as readonly Call[];
    try {
      const computed = await execute(
        ({ inputs }) => {
          const images = toChannelsLast(inputs!);
          return Object.assign(
            { 'out/reconstructions': toChannelsFirst(model.forward().decoded) },
            ...calls.map((call) => runCall(call, loss, model, images)),
          ) as TensorRecord;
        },
        new Map([['inputs', inputs!]]),
      );
      const discriminatorTable = (loss.adversary?.table ?? []).map((weight) => ({
        ...weight,
        name: `discriminator.${weight.name}`,
        referenceName: `discriminator.${weight.referenceName}`,
      }));
      const produced = inReferenceLayout(computed, [...model.table, ...discriminatorTable]);
      // Gradients of what a call is given stand in the file without `w/`.
      const givenNames = new Set(model.table.map(({ referenceName }) => referenceName));
      return new Map(
        [...produced].map(([name, tensor]) => {
          const [, start, weight] = /^(grad\/.+?\/)w\/(.+)$/.exec(name) ?? [];
          return [weight !== undefined && givenNames.has(weight) ? `${start}${weight}` : name, tensor];
        }),
      );
    } finally {
      model.dispose();
      disposeLoss(loss);
    }
  });
}

export const vqLPIPS = lossAdapter(false);

export const vqLPIPSWithDiscriminator = lossAdapter(true);
