/**
 * `golden/titok.safetensors` holds weights, images, latents, codes and reconstructions of a tiny
 * TiTok of the authors' code; `golden/titok.py` made it and says what it leaves out of theirs.
 */
import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { openSafetensors } from '@vitvq/checkpoint';
import { ConfigError, randomKey, ShapeError, type HostTensor } from '@vitvq/core';
import { compile, doctor, useEngine } from '@vitvq/engine';
import { Evaluator } from '@vitvq/evaluation';
import { ViT1DDecoder, ViT1DEncoder } from '@vitvq/layers';
import { VectorQuantizer } from '@vitvq/quantizers';
import { shake, tinyConfig, tinyImages, tinyModel } from '@vitvq/test-models';
import '@vitvq/test-utils';
import { createTokenizer, VQTokenizer, type ViT1DTokenizerConfig } from '../src/index.js';
import { loadTokenizer, saveTokenizer } from '../src/node/tokenizer-folder.js';
import { afterAll, describe, expect, it } from 'vitest';

const { engines } = await doctor();
const hasOnnx = engines.some(({ name, available }) => name === 'onnx' && available);
const engineNames = ['cpu', ...(hasOnnx ? (['onnx'] as const) : [])] as const;
afterAll(() => useEngine({ name: 'cpu' }));

/** Eight tokens of 2x2 patches. */
const config = {
  ...tinyConfig,
  architecture: 'vit-1d',
  latentTokens: 8,
  nestedLengths: [2, 4, 8],
} as const satisfies ViT1DTokenizerConfig;
const { nestedLengths: _, ...withoutLengths } = config;

const images = (count = 3): tf.Tensor4D => {
  const { data, shape } = tinyImages(count);
  return tf.tensor4d(data, [...shape]);
};
const exactly = { rtol: 0, atol: 0 };

/** Returns the tokenizer of the config with weights moved, so that tokens differ. */
function create(changes: Partial<ViT1DTokenizerConfig> = {}): VQTokenizer {
  return shake(createTokenizer({ ...config, ...changes }, { seed: 3 }));
}

async function readGolden(): Promise<Map<string, HostTensor>> {
  const opened = await openSafetensors(fileURLToPath(new URL('golden/titok.safetensors', import.meta.url)));
  const tensors = new Map<string, HostTensor>();
  for (const entry of opened.entries) tensors.set(entry.name, await opened.read(entry));
  await opened.close();
  return tensors;
}

describe("TiTok of the authors' code", () => {
  it.each(engineNames)('has the same latents, codes and pixels on %s', async (engine) => {
    const golden = await readGolden();
    const size = { dim: 8, depth: 2, numHeads: 2, mlpDim: 32 };
    const tokenizer = createTokenizer(
      {
        architecture: 'vit-1d',
        imageSize: 8,
        patchSize: 4,
        latentTokens: 5,
        encoder: size,
        decoder: size,
        quantizer: { kind: 'vector', codebookSize: 16, codeDim: 4 },
        activation: 'gelu',
      },
      { seed: 0 },
    );
    const prefix = 'weights.';
    tokenizer.loadVariables(
      new Map(
        [...golden].flatMap(([name, tensor]) =>
          name.startsWith(prefix) ? [[name.slice(prefix.length), tensor] as const] : [],
        ),
      ),
    );
    await useEngine({ name: engine, threads: 2 });
    const run = compile((x: tf.Tensor4D) => {
      const tokens = tokenizer.encode(x);
      return { latents: tokenizer.latents(x), tokens, decoded: tokenizer.decode(tokens, { clamp: false }) };
    });
    const { data, shape } = golden.get('images')!;
    const { latents, tokens, decoded } = await run(tf.tensor4d(Float32Array.from(data), shape as [3, 8, 8, 3]));
    expect(await latents.data()).toBeAllClose(golden.get('latents')!.data, { rtol: 1e-4, atol: 1e-5 });
    expect([...(await tokens.data())]).toEqual([...golden.get('codes')!.data]);
    expect(await decoded.data()).toBeAllClose(golden.get('reconstruction')!.data, { rtol: 1e-4, atol: 1e-5 });
    run.dispose();
    tokenizer.dispose();
    await useEngine({ name: 'cpu' });
  });
});

describe("createTokenizer with architecture 'vit-1d'", () => {
  it('makes a sequence of tokens of an image, whatever the number of its patches', () => {
    const model = create({ latentTokens: 3, nestedLengths: [1, 3] });
    expect([model.grid, model.imageSize, model.vocabSize]).toEqual([[1, 3], [8, 8], 16]);
    const tokens = model.encode(images());
    expect(tokens.shape).toEqual([3, 3]);
    expect(model.decode(tokens).shape).toEqual([3, 8, 8, 3]);
    const { reconstruction, indices } = model.forward(images());
    expect(indices).toBeAllClose(tokens, exactly);
    expect(model.decode(tokens, { clamp: false })).toBeAllClose(reconstruction, { rtol: 1e-4, atol: 1e-5 });
    expect(model.features(images())['latents']!.shape).toEqual([3, 3, 4]);
  });

  it('takes images that are not square, logits and residual codes', () => {
    const model = createTokenizer(
      {
        ...config,
        imageSize: [8, 12],
        quantizer: { kind: 'residual', codeDepth: 2, quantizer: { kind: 'vector', codebookSize: 16, codeDim: 4 } },
        output: 'logit-laplace',
        recompute: true,
      },
      { seed: 0 },
    );
    const { data, shape } = tinyImages(2, 0, [8, 12]);
    const x = tf.tensor4d(data, [...shape]);
    expect(model.encode(x, { tokens: 2 }).shape).toEqual([2, 2, 2]);
    expect(model.reconstruct(x, { tokens: 2 }).shape).toEqual([2, 8, 12, 3]);
  });

  it('names every problem at once', () => {
    const creating = (changes: object) => (): unknown =>
      createTokenizer({ ...config, ...changes } as ViT1DTokenizerConfig, { seed: 0 });
    const problems = creating({ imageSize: 9, nestedLengths: [4, 2], positions: 'sincos', encoder: { dim: 0 } });
    expect(problems).toThrow(ConfigError);
    for (const problem of [
      'imageSize is 9: expected a multiple of patchSize 4x4',
      'nestedLengths is [4,2]: expected two or more ascending numbers of tokens, the last of them latentTokens 8',
      'unknown option "positions"',
      'encoder.dim is 0',
    ]) {
      expect(problems).toThrow(problem);
    }
    for (const nestedLengths of [[], [8], [2, 4], [0, 8], [2, 2, 8], [2.5, 8]]) {
      expect(creating({ nestedLengths }), String(nestedLengths)).toThrow('nestedLengths');
    }
    expect(creating({ latentTokens: 0 })).toThrow('latentTokens is 0: expected an integer of at least 1');
  });

  it('is saved and loaded with its lengths', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vitvq-1d-'));
    try {
      const saved = create();
      await saveTokenizer(folder, saved, config);
      const loaded = await loadTokenizer(folder);
      expect(loaded.nestedLengths).toEqual([2, 4, 8]);
      expect(loaded.reconstruct(images(), { tokens: 2 })).toBeAllClose(
        saved.reconstruct(images(), { tokens: 2 }),
        exactly,
      );
      await expect(saveTokenizer(folder, saved, withoutLengths)).rejects.toThrow(
        'nestedLengths [2,4,8] instead of undefined',
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('nested lengths', () => {
  it('let a tokenizer leave off the last tokens', () => {
    const model = create();
    const x = images();
    const all = model.encode(x) as tf.Tensor2D;
    const first = model.encode(x, { tokens: 4 }) as tf.Tensor2D;
    expect(first).toBeAllClose(tf.slice(all, [0, 0], [3, 4]), exactly);
    expect(model.decode(first)).toBeAllClose(model.reconstruct(x, { tokens: 4 }), exactly);
    const difference = tf.max(tf.abs(tf.sub(model.decode(first), model.decode(all)))).dataSync()[0]!;
    expect(difference).toBeGreaterThan(1e-3);
  });

  it('give in training what decode gives of fewer tokens, image by image', () => {
    const model = create();
    const x = images();
    const lengths = [8, 2, 5];
    const { reconstruction } = model.forward(x, { lengths: tf.tensor1d(lengths, 'int32') });
    for (const [index, tokens] of lengths.entries()) {
      const image = tf.slice(x, index, 1);
      expect(model.decode(model.encode(image, { tokens }), { clamp: false })).toBeAllClose(
        tf.slice(reconstruction, index, 1),
        { rtol: 1e-4, atol: 1e-5 },
      );
    }
  });

  it('pass no gradient to what is left out', () => {
    const model = create();
    const latents = model.latents(images(1));
    const { quantizer } = model;
    const decode = (x: tf.Tensor3D, tokens: number): tf.Tensor =>
      model.decodeLatents(tf.slice(x, [0, 0, 0], [1, tokens, 4]));
    const gradient = tf.grad((x) => decode(x as tf.Tensor3D, 2))(quantizer.quantize(latents).quantized);
    const perToken = tf.sum(tf.abs(gradient), 2).dataSync();
    expect([...perToken.slice(0, 2)].every((value) => value > 0)).toBe(true);
    expect([...perToken.slice(2)]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('are measured by an evaluator of the first tokens', async () => {
    const model = create();
    const part = model.firstTokens(4);
    expect([part.grid, part.vocabSize, part.codeDepth, part.imageSize]).toEqual([[1, 4], 16, 1, [8, 8]]);
    const evaluator = new Evaluator(part, { batchSize: 2 });
    const { indices, reconstructions } = await evaluator.evaluate(tinyImages(3));
    expect([...indices!]).toEqual([...model.encode(images(), { tokens: 4 }).dataSync()]);
    expect(reconstructions.data).toBeAllClose(model.reconstruct(images(), { tokens: 4 }).dataSync(), { atol: 1e-5 });
    evaluator.dispose();
  });

  it.skipIf(!hasOnnx)('compile to what the plain engine gives', async () => {
    const model = create();
    const x = images();
    const lengths = tf.tensor1d([8, 2, 5], 'int32');
    const compute = (batch: tf.Tensor4D, kept: tf.Tensor1D) => ({
      decoded: model.forward(batch, { lengths: kept }).decoded,
      part: model.reconstruct(batch, { tokens: 4 }),
    });
    const eager = compute(x, lengths);
    await useEngine({ name: 'onnx', threads: 2 });
    const run = compile(compute);
    const { decoded, part } = await run(x, lengths);
    expect(await decoded.data()).toBeAllClose(await eager.decoded.data(), { rtol: 1e-4, atol: 1e-5 });
    expect(await part.data()).toBeAllClose(await eager.part.data(), { rtol: 1e-4, atol: 1e-5 });
    run.dispose();
    await useEngine({ name: 'cpu' });
  });

  it('are refused where the tokenizer has none, and where they do not fit', () => {
    const whole = createTokenizer(withoutLengths, { seed: 0 });
    const x = images();
    const problem =
      'expected a tokenizer with nestedLengths, which makes images of fewer tokens, got one that needs all of them.';
    expect(() => whole.encode(x, { tokens: 4 })).toThrow(`VQTokenizer.encode: ${problem}`);
    expect(() => whole.firstTokens(4)).toThrow(`VQTokenizer.firstTokens: ${problem}`);
    expect(() => whole.forward(x, { lengths: tf.tensor1d([8, 8, 8], 'int32') })).toThrow(
      `VQTokenizer.forward: ${problem}`,
    );
    expect(() => whole.decode(tf.zeros<tf.Rank.R2>([1, 4], 'int32'))).toThrow(
      'VQTokenizer.decode: expected shape [B, 8], got [1, 4]. This model has 1x8 tokens an image.',
    );
    expect(() => tinyModel().reconstruct(x, { tokens: 1 })).toThrow(ConfigError);
    const model = create();
    for (const tokens of [0, 9, 1.5]) {
      expect(() => model.encode(x, { tokens })).toThrow(`VQTokenizer.encode: expected 1 to 8 tokens, got ${tokens}.`);
    }
    expect(() => model.encode(x, { length: 4 } as object)).toThrow('unknown option "length"');
    for (const count of [0, 9]) {
      expect(() => model.decode(tf.zeros<tf.Rank.R2>([1, count], 'int32'))).toThrow(ShapeError);
    }
    const size = { imageSize: 8, patchSize: 4, dim: 8, depth: 1, numHeads: 1, mlpDim: 8, latentTokens: 8 };
    expect(
      () =>
        new VQTokenizer({
          encoder: new ViT1DEncoder({ ...size, key: randomKey(0) }),
          decoder: new ViT1DDecoder({ ...size, key: randomKey(1) }),
          quantizer: new VectorQuantizer({ codebookSize: 4, codeDim: 2, key: randomKey(2) }),
          key: randomKey(3),
          nestedLengths: [2, 4],
        }),
    ).toThrow(
      'VQTokenizer: expected nestedLengths to be two or more ascending numbers of tokens, the last of them all 8, got [2, 4].',
    );
  });
});
