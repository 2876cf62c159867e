import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { readSafetensors, type TensorFile } from '@vitvq/checkpoint';
import { ConfigError, DataError, ShapeError, type HostTensor } from '@vitvq/core';
import { compile, useEngine } from '@vitvq/engine';
import { expectNoTensorLeak, hasEngine } from '@vitvq/test-utils';
import { it } from '@vitvq/test-utils/node';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import {
  ClipViT,
  DINOv2,
  importFeatureExtractor,
  loadFeatureExtractor,
  saveFeatureExtractor,
} from '../../src/index.js';
import { resizeImages } from '../../src/extractors/internal/resize-images.js';
import { resizePositions } from '../../src/extractors/internal/resize-positions.js';
import { fileOf, imageBytes, relativeDifference, weight } from './formula.js';
import { authorsName, openaiClip, transformersClip, transformersDinov2 } from './shapes.js';

const golden = fileURLToPath(new URL('golden/transformers.safetensors', import.meta.url));
let expected: Map<string, HostTensor>;
beforeAll(async () => {
  await useEngine({ name: 'cpu' });
  expected = (await readSafetensors(golden)).tensors;
});

function imagesOf(name: string, count: number, height: number, width = height): tf.Tensor4D {
  const data = Float32Array.from(imageBytes(name, count, height, width), (byte) => byte / 255);
  return tf.tensor4d(data, [count, height, width, 3]);
}

/** Compares the beginning of a tensor with a golden case, which may hold fewer images. */
async function expectGolden(name: string, got: tf.Tensor): Promise<void> {
  const { shape, data } = expected.get(name)!;
  expect([name, got.shape.slice(1)]).toEqual([name, shape.slice(1)]);
  const values = (await got.data<'float32'>()).subarray(0, data.length);
  expect(relativeDifference(values, data), name).toBeLessThan(1e-5);
}

const tokens = [
  [61, 5, 7, 63, 0, 0, 0, 0, 0],
  [61, 9, 1, 2, 3, 4, 5, 6, 63],
  [61, 63, 63, 63, 63, 63, 63, 63, 63],
];

describe('CLIP', () => {
  it.for([
    ['transformers', 'clip-vit', transformersClip],
    ['openai', 'clip-vit', openaiClip],
    ['open-clip', 'open-clip-vit', openaiClip],
  ] as const)('computes what %s does', async ([name, kind, shapes]) => {
    const clip = await importFeatureExtractor(kind, fileOf(shapes));
    expect(clip).toMatchObject({ kind, name: `${kind}-128-8-32px`, inputSize: [32, 32], contextLength: 9 });
    const images = imagesOf('clip', 2, 32);
    const { pooled, spatial } = clip.features(images);
    await expectGolden(`${name}.image`, pooled);
    if (name === 'transformers') await expectGolden('transformers.spatial', spatial!);
    const text = clip.textFeatures(tf.tensor2d(tokens, [3, 9], 'int32'));
    await expectGolden(`${name}.text`, text);
    // What follows the end token is not seen.
    const short = clip.textFeatures(tf.tensor2d([tokens[0]!.slice(0, 4)], [1, 4], 'int32'));
    expect(relativeDifference(await short.data(), (await text.data()).subarray(0, 32))).toBeLessThan(1e-5);
    clip.dispose();
  });

  it('has another hash and other features with the other activation', async () => {
    const [openai, openClip] = [
      await importFeatureExtractor('clip-vit', fileOf(openaiClip)),
      await importFeatureExtractor('open-clip-vit', fileOf(openaiClip)),
    ];
    expect(openai.hash).not.toBe(openClip.hash);
    for (const each of [openai, openClip]) each.dispose();
    const [a, b] = ['openai.image', 'open-clip.image'].map((name) => expected.get(name)!.data);
    expect(relativeDifference(a!, b!)).toBeGreaterThan(1e-3);
  });

  it('refuses the kind whose activation is not that of the config beside the file', async ({ temporaryFolder }) => {
    const file = { ...fileOf(transformersClip), file: join(temporaryFolder, 'model.safetensors') };
    const write = (tower: object): void => {
      writeFileSync(join(temporaryFolder, 'config.json'), JSON.stringify({ model_type: 'clip', vision_config: tower }));
    };
    write({ hidden_act: 'gelu' });
    await expect(importFeatureExtractor('clip-vit', file)).rejects.toThrow(DataError);
    await expect(importFeatureExtractor('clip-vit', file)).rejects.toThrow(
      'model.safetensors: expected weights of kind clip-vit, got open-clip-vit: the config.json beside the file has ' +
        'hidden_act "gelu". Import it as open-clip-vit.',
    );
    (await importFeatureExtractor('open-clip-vit', file)).dispose();
    write({});
    await expect(importFeatureExtractor('open-clip-vit', file)).rejects.toThrow('Import it as clip-vit.');
  });

  it('refuses too many tokens, other files, and files with other heads', async () => {
    const clip = await importFeatureExtractor('clip-vit', fileOf(openaiClip));
    expect(() => clip.textFeatures(tf.zeros([1, 10], 'int32'))).toThrow(ConfigError);
    expect(() => clip.textFeatures(tf.zeros([1, 10], 'int32'))).toThrow('expected at most 9 tokens, got 10.');
    expect(() => clip.features(tf.zeros([1, 32, 32, 1]))).toThrow(ShapeError);
    clip.dispose();
    const importing = importFeatureExtractor('clip-vit', fileOf({ 'conv1.weight': [64, 3, 7, 7] }));
    await expect(importing).rejects.toThrow(DataError);
    await expect(importing).rejects.toThrow(
      'formula: expected CLIP with a vision transformer, of OpenAI, open_clip or transformers, got tensors such as conv1.weight.',
    );
    const { 'visual.ln_post.bias': _, ...less } = openaiClip;
    await expect(importFeatureExtractor('clip-vit', fileOf({ ...less, other: [1] }))).rejects.toThrow(
      'got missing: visual.ln_post.bias; unexpected: other.',
    );
    const odd = { ...openaiClip, 'visual.conv1.weight': [100, 3, 8, 8] };
    await expect(importFeatureExtractor('clip-vit', fileOf(odd))).rejects.toThrow(
      'image.numHeads is 1.5625: expected int',
    );
  });
});

describe('DINOv2', () => {
  it.for([
    ['dinov2', {}],
    ['dinov2-swiglu', { isGated: true }],
    ['dinov2-registers', { registers: 4 }],
  ] as const)('computes what transformers does: %s', async ([name, options]) => {
    const dinov2 = await importFeatureExtractor('dinov2', fileOf(transformersDinov2(options)));
    const images = imagesOf('dino', 2, 224);
    const { pooled, spatial } = dinov2.features(images);
    await expectGolden(`${name}.pooled`, pooled);
    await expectGolden(`${name}.spatial`, spatial!);
    dinov2.dispose();
  });

  it.for([{}, { isGated: true }, { registers: 4 }])('is the same by the names of its authors: %j', async (options) => {
    const shapes = transformersDinov2(options);
    const file = fileOf(shapes);
    const tensors = new Map<string, HostTensor>();
    for (const entry of file.entries) {
      if (/attention\.attention\.(key|value)/.test(entry.name)) continue;
      if (!entry.name.includes('attention.attention.query')) {
        tensors.set(authorsName(entry.name), await file.read(entry));
        continue;
      }
      const parts = ['query', 'key', 'value'].map((part) => weight(entry.name.replace('query', part), entry.shape));
      const data = Float32Array.from(parts.flatMap((part) => [...part.data]));
      tensors.set(authorsName(entry.name), { shape: [3 * entry.shape[0]!, ...entry.shape.slice(1)], data });
    }
    const authors: TensorFile = {
      ...file,
      entries: [...tensors].map(([name, { shape }]) => ({ name, shape, dtype: 'F32' })),
      read: ({ name }) => Promise.resolve(tensors.get(name)!),
    };
    const [a, b] = [await importFeatureExtractor('dinov2', file), await importFeatureExtractor('dinov2', authors)];
    expect(a.hash).toBe(b.hash);
    expect(a.config).toEqual(b.config);
    for (const extractor of [a, b]) extractor.dispose();
  });

  it.for([
    ['plain', false],
    ['averaged', true],
  ] as const)('resizes positions as the code of its authors does: %s', ([name, antialias]) => {
    const table = weight('positions', [1, 1 + 37 * 37, 8]);
    const { shape, data } = resizePositions(table, 37, 16, antialias);
    const golden = expected.get(`positions.${name}`)!;
    expect(shape).toEqual(golden.shape);
    expect(relativeDifference(data, golden.data)).toBeLessThan(1e-5);
    expect(resizePositions(table, 37, 37, antialias).data).toEqual(table.data);
  });
});

describe('images are resized as Pillow does', () => {
  it.for([
    ['down', 61, 83],
    ['up', 23, 19],
  ] as const)('%s', async ([name, height, width]) => {
    const images = tf.mul<tf.Tensor4D>(imagesOf(name, 1, height, width), 255);
    const levels = tf.round(images);
    const bytes = resizeImages(levels, [32, 32], { filter: 'bicubic-bytes', crop: 'center', shortSide: 32 });
    const wanted = expected.get(`bytes.${name}`)!.data;
    const got = await bytes.data();
    // Pillow computes with integers: what is between two levels may be rounded the other way.
    const apart = Array.from(wanted, (value, at) => Math.abs(value - got[at]!));
    expect(Math.max(...apart)).toBeLessThanOrEqual(1);
    expect(apart.filter((difference) => difference > 0).length / apart.length).toBeLessThan(0.001);
    const floats = resizeImages(levels, [32, 32], { filter: 'bicubic', crop: 'none' });
    expect(relativeDifference(await floats.data(), expected.get(`floats.${name}`)!.data)).toBeLessThan(1e-6);
    tf.dispose([images, levels, bytes, floats]);
  });
});

describe('folders', () => {
  it.for([
    ['clip-vit', openaiClip, ClipViT],
    ['dinov2', transformersDinov2({ registers: 4 }), DINOv2],
  ] as const)('hold %s with all that it needs', async ([kind, shapes, type], { temporaryFolder }) => {
    const extractor = await importFeatureExtractor(kind, fileOf(shapes));
    await saveFeatureExtractor(temporaryFolder, extractor);
    const loaded = await loadFeatureExtractor(temporaryFolder);
    expect(loaded).toBeInstanceOf(type);
    expect(loaded.config).toEqual(extractor.config);
    expect(loaded.hash).toBe(extractor.hash);
    const loading = loadFeatureExtractor(temporaryFolder, 'inception-v3-compat');
    await expect(loading).rejects.toThrow(DataError);
    await expect(loading).rejects.toThrow(`a feature extractor, of kind inception-v3-compat, got "${kind}". import`);
    for (const each of [extractor, loaded]) each.dispose();
  });
});

it('leaves no tensors behind', async () => {
  const clip = await importFeatureExtractor('clip-vit', fileOf(openaiClip));
  const dinov2 = await importFeatureExtractor('dinov2', fileOf(transformersDinov2({ registers: 4 })));
  const images = imagesOf('clip', 1, 40, 50);
  for (const extractor of [clip, dinov2]) expectNoTensorLeak(() => tf.dispose(extractor.features(images)));
  const ids = tf.tensor2d(tokens, [3, 9], 'int32');
  expectNoTensorLeak(() => clip.textFeatures(ids).dispose());
  tf.dispose([images, ids]);
  for (const extractor of [clip, dinov2]) extractor.dispose();
});

describe.skipIf(!(await hasEngine('onnx')))('on the engine onnx', () => {
  beforeAll(() => useEngine({ name: 'onnx' }));
  afterAll(() => useEngine({ name: 'cpu' }));

  it('CLIP compiles, texts too', async () => {
    const clip = await importFeatureExtractor('clip-vit', fileOf(openaiClip));
    const image = compile((images: tf.Tensor4D) => clip.features(images), { variables: 'frozen' });
    const text = compile((ids: tf.Tensor2D) => clip.textFeatures(ids), { variables: 'frozen' });
    await expectGolden('openai.image', (await image(imagesOf('clip', 2, 32))).pooled);
    await expectGolden('openai.text', await text(tf.tensor2d(tokens, [3, 9], 'int32')));
    for (const each of [image, text, clip]) each.dispose();
  });

  it('DINOv2 compiles', async () => {
    const dinov2 = await importFeatureExtractor('dinov2', fileOf(transformersDinov2({ registers: 4 })));
    const features = compile((images: tf.Tensor4D) => dinov2.features(images), { variables: 'frozen' });
    await expectGolden('dinov2-registers.pooled', (await features(imagesOf('dino', 2, 224))).pooled);
    for (const each of [features, dinov2]) each.dispose();
  });
});
