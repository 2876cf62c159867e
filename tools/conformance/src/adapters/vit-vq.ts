import * as tf from '@tensorflow/tfjs';
import { randomKey } from '@vitvq/core';
import { ViTDecoder, vitDecoderReferenceWeights, ViTEncoder, vitEncoderReferenceWeights } from '@vitvq/layers';
import { VectorQuantizer, vectorQuantizerReferenceWeights } from '@vitvq/quantizers';
import { ViTVQ, viTVQReferenceWeights } from '@vitvq/stage1';
import { ConfigReader } from '../config.js';
import { tensorAdapter } from './adapter.js';
import { loadWeights, runModule, toChannelsFirst, toChannelsLast } from './gradients.js';
import { readQuantizerOptions } from './vector-quantizer.js';
import { fixedPositions, readViTOptions } from './vit.js';

/** `ViTVQ`: l2 = mean((reconstruction - image)^2) + quantLoss. */
export const vitVQ = tensorAdapter(async (fixture, execute) => {
  const { name, tensors } = fixture;
  const reader = new ConfigReader(fixture.config, name);
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
  const quantizerOptions = readQuantizerOptions(reader.section('quantizer'), `${name}, quantizer`);
  reader.ignore('batch');
  reader.finish();
  const model = new ViTVQ({
    encoder: new ViTEncoder(encoderOptions),
    decoder: new ViTDecoder(decoderOptions),
    quantizer: new VectorQuantizer(quantizerOptions),
    key: randomKey(0),
  });
  const table = viTVQReferenceWeights({
    encoder: vitEncoderReferenceWeights(encoderOptions),
    decoder: vitDecoderReferenceWeights(decoderOptions),
    quantizer: vectorQuantizerReferenceWeights(),
  });
  try {
    loadWeights(model, table, fixture, [
      ...fixedPositions(encoderOptions, encoderTable),
      ...fixedPositions(decoderOptions, decoderTable),
    ]);
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
            decodeCodes: toChannelsFirst(model.decodeUnclamped(indices)),
          };
        },
        scalars: ({ image }, { reconstruction, quantLoss }) => ({
          l2: tf.add(tf.mean(tf.squaredDifference(reconstruction!, image!)), quantLoss!),
        }),
      },
      fixture,
      execute,
    );
  } finally {
    model.dispose();
  }
});
