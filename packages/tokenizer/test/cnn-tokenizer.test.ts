/**
 * `golden/taming.safetensors` and `golden/llama-gen.safetensors` hold weights, images, codes and
 * reconstructions of PyTorch models made of the classes of CompVis/taming-transformers (commit
 * 3ba01b2: `Encoder`, `Decoder`, `VectorQuantizer2`) and FoundationVision/LlamaGen (commit ce98ec4:
 * `VQModel`), with PyTorch 1.13.0a0 on a CPU, seeds 11 and 12. Widths and group counts are tiny:
 * `Normalize` was given 2 groups instead of 32. Every weight has noise added, norms and biases too;
 * codes are features with noise, so that most are in use; the nearest two are never nearer than
 * 3e-4 in squared distance.
 */
import '@tensorflow/tfjs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { openSafetensors, type SafetensorsEntry } from '@vitvq/checkpoint';
import { ConfigError, type HostTensor } from '@vitvq/core';
import { compile, doctor, useEngine } from '@vitvq/engine';
import '@vitvq/test-utils';
import {
  createTokenizer,
  inferTokenizerConfig,
  LLAMA_GEN_VQ_16,
  LLAMA_GEN_VQ_8,
  VQGAN_F16,
  type CheckpointTensors,
  type CNNTokenizerConfig,
} from '../src/index.js';
import { createCodebookInitialization, createTokenizerGradients } from '@vitvq/stage1-trainer';
import { gradientStep } from '@vitvq/training';
import { importTokenizer } from '../src/node/import-tokenizer.js';
import { AdamW } from '@vitvq/optim';
import { afterAll, describe, expect, it } from 'vitest';
import { tinyImages } from '@vitvq/test-models';

const { engines } = await doctor();
const hasOnnx = engines.some(({ name, available }) => name === 'onnx' && available);

const engineNames = ['cpu', ...(hasOnnx ? (['onnx'] as const) : [])] as const;
afterAll(() => useEngine({ name: 'cpu' }));

/** Trains in milliseconds. */
const side = { baseChannels: 4, channelMultipliers: [1, 2], attentionResolutions: [1] };
const tinyCNN = {
  architecture: 'cnn',
  imageSize: 8,
  encoder: { ...side, blocksPerResolution: 1 },
  decoder: { ...side, blocksPerResolution: 2 },
  latentChannels: 6,
  numGroups: 2,
  quantizer: { kind: 'vector', codebookSize: 16, codeDim: 4, trackUsage: true },
} as const satisfies CNNTokenizerConfig;

const images = (count = 4): tf.Tensor4D => {
  const { data, shape } = tinyImages(count);
  return tf.tensor4d(data, [...shape]);
};

interface GoldenCase {
  readonly checkpoint: CheckpointTensors<SafetensorsEntry>;
  readonly config: CNNTokenizerConfig;
  readonly pixels: HostTensor;
  readonly codes: HostTensor;
  readonly reconstruction: HostTensor;
}

async function readGolden(name: string): Promise<GoldenCase> {
  const opened = await openSafetensors(fileURLToPath(new URL(`golden/${name}.safetensors`, import.meta.url)));
  const read = (tensor: string): Promise<HostTensor> =>
    opened.read(opened.entries.find((entry) => entry.name === tensor)!);
  const values = new Map<string, HostTensor>();
  const prefix = 'weights.';
  const entries = opened.entries.filter((entry) => entry.name.startsWith(prefix));
  for (const { name: tensor } of opened.entries) values.set(tensor, await read(tensor));
  await opened.close();
  return {
    checkpoint: {
      file: name,
      entries: entries.map((entry) => ({ ...entry, name: entry.name.slice(prefix.length) })),
      read: ({ name: tensor }) => Promise.resolve(values.get(prefix + tensor)!),
    },
    config: {
      architecture: 'cnn',
      ...(JSON.parse(opened.metadata.config!) as Omit<CNNTokenizerConfig, 'architecture'>),
    },
    pixels: values.get('pixels')!,
    codes: values.get('codes')!,
    reconstruction: values.get('reconstruction')!,
  };
}

describe.each(['taming', 'llama-gen'])('a checkpoint of %s', (name) => {
  it('says its config but for image size and groups', async () => {
    const { checkpoint, config } = await readGolden(name);
    const { numGroups: _, ...expected } = config;
    const inferred = await inferTokenizerConfig(checkpoint, { imageSize: config.imageSize });
    expect(inferred).toEqual({ kind: name === 'taming' ? 'taming-transformers' : 'llama-gen', config: expected });
    expect((await inferTokenizerConfig(checkpoint)).config.imageSize).toBe(256);
  });

  it.each(engineNames)('gives its codes exactly and its pixels on %s', async (engine) => {
    const { checkpoint, config, pixels, codes, reconstruction } = await readGolden(name);
    await useEngine({ name: engine, threads: 2 });
    const { tokenizer } = await importTokenizer(checkpoint, { config });
    const input = tf.div<tf.Tensor4D>(tf.tensor(Float32Array.from(pixels.data), [...pixels.shape]), 255);
    const run = compile((x: tf.Tensor4D) => {
      const tokens = tokenizer.encode(x);
      return { tokens, decoded: tokenizer.decode(tokens, { clamp: false }) };
    });
    const { tokens, decoded } = await run(input);
    expect([...(await tokens.data())]).toEqual([...codes.data]);
    // Theirs are channels first, in [-1, 1].
    const theirs = tf.transpose(tf.tensor(reconstruction.data, [...reconstruction.shape]), [0, 2, 3, 1]);
    expect(await decoded.data()).toBeAllClose(await tf.add(tf.mul(theirs, 0.5), 0.5).data(), { rtol: 0, atol: 1e-5 });
    run.dispose();
    tokenizer.dispose();
  });
});

describe('createTokenizer', () => {
  it('is a tokenizer like any other', () => {
    const model = createTokenizer(tinyCNN, { seed: 0 });
    const tokens = model.encode(images());
    expect(tokens.shape).toEqual([4, 16]);
    expect(model.decode(tokens).shape).toEqual([4, 8, 8, 3]);
    expect(model.grid).toEqual([4, 4]);
    expect(model.pixelNormalization).toEqual({ mean: 0.5, deviation: 0.5 });
    expect(model.lastLayer!.shape).toEqual([3, 3, 4, 3]);
    const codes = (seed: number): Float32Array =>
      createTokenizer(tinyCNN, { seed }).quantizer.codebook.weights.dataSync<'float32'>();
    expect(codes(1)).toEqual(codes(1));
    expect(codes(1)).not.toEqual(codes(2));
  });

  it('names every problem at once', () => {
    const create = (): unknown =>
      createTokenizer(
        {
          ...tinyCNN,
          imageSize: [8, 9],
          quantizer: { ...tinyCNN.quantizer, codeDim: 0 },
          numGroups: 3,
          encoder: { ...tinyCNN.encoder, attentionResolutions: [2] },
          decoder: { ...tinyCNN.decoder, channelMultipliers: [1, 2, 3] },
        },
        { seed: 0.5 },
      );
    expect(create).toThrow(ConfigError);
    for (const problem of [
      'got 7 problems',
      "imageSize is [8,9]: expected a multiple of 2, the pixels of a token's side",
      'quantizer.codeDim is 0',
      'encoder.attentionResolutions is [2]: expected resolutions that channelMultipliers has, from 0 on',
      'decoder.channelMultipliers is [1,2,3]: expected as many resolutions as the encoder',
      'encoder.channelMultipliers is [1,2]: expected channels in multiples of numGroups',
      'seed is 0.5',
    ]) {
      expect(create).toThrow(problem);
    }
  });

  it('builds VQGAN and LlamaGen of published sizes, here with fewer channels and codes', () => {
    const built = [VQGAN_F16, LLAMA_GEN_VQ_16, LLAMA_GEN_VQ_8].map((config: CNNTokenizerConfig) => {
      const narrow = ({ encoder }: CNNTokenizerConfig): CNNTokenizerConfig['encoder'] => ({
        ...encoder,
        baseChannels: 32,
      });
      const { encoder, decoder } = { encoder: narrow(config), decoder: { ...narrow(config), blocksPerResolution: 1 } };
      return createTokenizer(
        { ...config, encoder, decoder, latentChannels: 8, quantizer: { ...config.quantizer, codebookSize: 16 } },
        { seed: 0 },
      );
    });
    expect(built.map(({ grid }) => grid)).toEqual([
      [16, 16],
      [16, 16],
      [32, 32],
    ]);
    expect(built[0]!.quantizer).toMatchObject({ codebook: { normalized: false }, codeDim: 256 });
    expect(built[1]!.quantizer).toMatchObject({ codebook: { normalized: true }, codeDim: 8 });
    for (const model of built) model.dispose();
  });

  it.skipIf(!hasOnnx)('learns one batch by heart, compiled with the numbers of the plain engine', async () => {
    await useEngine({ name: 'onnx', threads: 2 });
    const compiled = await train(60);
    await useEngine({ name: 'cpu' });
    expect(compiled.slice(0, 3)).toBeAllClose(await train(3), { rtol: 1e-3 });
    expect(compiled[0]! / compiled.at(-1)!).toBeGreaterThan(4);
  });
});

/** Squared errors of some steps on one batch, the codes beginning as features of it. */
async function train(steps: number): Promise<number[]> {
  const tokenizer = createTokenizer(tinyCNN, { seed: 0 });
  const optimizer = new AdamW([{ variables: tokenizer.namedTrainableVariables() }]);
  const [batch, rate] = [images(), tf.scalar(1e-2)];
  const initialize = compile(createCodebookInitialization(tokenizer));
  (await initialize(batch, tf.fill([16], 0.5))).dispose();
  const step = compile(gradientStep(createTokenizerGradients({ tokenizer }), { optimizer, clipNorm: 1 }));
  const losses: number[] = [];
  for (let count = 0; count < steps; count++) {
    const { values, gradientNorms } = await step(rate, batch);
    losses.push((await values.l2!.data())[0]!);
    tf.dispose([values, gradientNorms]);
  }
  for (const compiled of [initialize, step]) compiled.dispose();
  return losses;
}
