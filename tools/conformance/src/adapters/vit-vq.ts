import * as tf from '@tensorflow/tfjs';
import { randomKey, type QuantizeResult, type Quantizer, type ReferenceWeight } from '@vitvq/core';
import { ViTDecoder, vitDecoderReferenceWeights, ViTEncoder, vitEncoderReferenceWeights } from '@vitvq/layers';
import { VQTokenizer, vitTokenizerReferenceWeights } from '@vitvq/tokenizer';
import { ConfigReader } from '../config.js';
import type { Config, LoadedCase } from '../fixture.js';
import { tensorAdapter } from './adapter.js';
import { loadWeights, runModule, toChannelsFirst, toChannelsLast } from './gradients.js';
import { readGumbelQuantizer, withNoise } from './gumbel-quantizer.js';
import { readVectorQuantizer, type BuiltQuantizer } from './vector-quantizer.js';
import { fixedPositions, readViTOptions } from './vit.js';

export interface BuiltModel<Q extends Quantizer> {
  readonly model: VQTokenizer<Q>;
  readonly table: readonly ReferenceWeight[];
  /** Weights of the reference that are computed here. */
  readonly fixed: readonly string[];
}

/** The model of a case, its weights not loaded yet. */
export function readModel<Q extends Quantizer>(
  { name, config, tensors }: LoadedCase,
  readQuantizer: (config: Config, where: string) => BuiltQuantizer<Q>,
): BuiltModel<Q> {
  const reader = new ConfigReader(config, name);
  const shared = {
    imageSize: reader.size('imageSize'),
    patchSize: reader.size('patchSize'),
    channels: reader.number('channels', 3),
  };
  const encoderTable = 'encoder.en_pos_embedding';
  const decoderTable = 'decoder.de_pos_embedding';
  const encoderOptions = readViTOptions(
    { ...shared, ...reader.section('encoder') },
    `${name}, encoder`,
    undefined,
    tensors.get(`w/${encoderTable}`),
  );
  const decoderOptions = readViTOptions(
    { ...shared, ...reader.section('decoder') },
    `${name}, decoder`,
    undefined,
    tensors.get(`w/${decoderTable}`),
  );
  const { quantizer, table } = readQuantizer(reader.section('quantizer'), `${name}, quantizer`);
  reader.ignore('batch');
  reader.finish();
  return {
    model: new VQTokenizer({
      encoder: new ViTEncoder(encoderOptions),
      decoder: new ViTDecoder(decoderOptions),
      quantizer,
      key: randomKey(0),
    }),
    table: vitTokenizerReferenceWeights({
      encoder: vitEncoderReferenceWeights(encoderOptions),
      decoder: vitDecoderReferenceWeights(decoderOptions),
      quantizer: table,
    }),
    fixed: [...fixedPositions(encoderOptions, encoderTable), ...fixedPositions(decoderOptions, decoderTable)],
  };
}

function squaredError(reconstruction: tf.Tensor, image: tf.Tensor, quantizerLoss: tf.Tensor): tf.Tensor {
  return tf.add(tf.mean(tf.squaredDifference(reconstruction, image)), quantizerLoss);
}

/** `VQTokenizer`: l2 = mean((reconstruction - image)^2) + quantLoss. */
export const vitVQ = tensorAdapter(async (fixture, execute) => {
  const { model, table, fixed } = readModel(fixture, readVectorQuantizer);
  try {
    loadWeights(model, table, fixture, fixed);
    return await runModule(
      {
        module: model,
        table,
        inputs: ['image'],
        outputs: ({ image }) => {
          const images = toChannelsLast(image!);
          const { reconstruction, indices, quantizerLoss } = model.forward(images);
          const latents = model.latents(images);
          return {
            reconstruction: toChannelsFirst(reconstruction),
            quantLoss: quantizerLoss,
            encoderOut: model.encoder.encode(images),
            preQuant: latents,
            quant: model.quantizer.quantize(latents).quantized,
            codes: indices,
            decodeCodes: toChannelsFirst(model.decode(indices, { clamp: false })),
          };
        },
        scalars: ({ image }, { reconstruction, quantLoss }) => ({
          l2: squaredError(reconstruction!, image!, quantLoss!),
        }),
      },
      fixture,
      execute,
    );
  } finally {
    model.dispose();
  }
});

/**
 * `ViTVQGumbel`: a pass of training, one of evaluation and one for codes, each with its own noise
 * `[L, B, N, K]`.
 */
export const vitVQGumbel = tensorAdapter(async (fixture, execute) => {
  const { model, table, fixed } = readModel(fixture, readGumbelQuantizer);
  try {
    loadWeights(model, table, fixture, fixed);
    return await runModule(
      {
        module: model,
        table,
        inputs: ['image', 'gumbelTrain', 'gumbelEval', 'gumbelCodes'],
        outputs: ({ image, gumbelTrain, gumbelEval, gumbelCodes }) => {
          const images = toChannelsLast(image!);
          const latents = model.latents(images);
          const pass = (noise: tf.Tensor, training: boolean): QuantizeResult & { reconstruction: tf.Tensor } => {
            const result = model.quantizer.quantize(latents, withNoise(model.quantizer, noise, training));
            return { ...result, reconstruction: toChannelsFirst(model.decodeLatents(result.quantized)) };
          };
          const train = pass(gumbelTrain!, true);
          const evaluation = pass(gumbelEval!, false);
          const { indices } = pass(gumbelCodes!, false);
          return {
            'train/reconstruction': train.reconstruction,
            'train/quantLoss': train.loss,
            'eval/reconstruction': evaluation.reconstruction,
            'eval/quantLoss': evaluation.loss,
            'eval/codes': indices,
            'eval/decodeCodes': toChannelsFirst(model.decode(indices, { clamp: false })),
          };
        },
        scalars: ({ image }, outputs) =>
          Object.fromEntries(
            ['train', 'eval'].map((pass) => [
              `${pass}/l2`,
              squaredError(outputs[`${pass}/reconstruction`]!, image!, outputs[`${pass}/quantLoss`]!),
            ]),
          ),
      },
      fixture,
      execute,
    );
  } finally {
    model.dispose();
  }
});
