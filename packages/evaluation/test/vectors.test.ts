import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import type { HostImages } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { exportOnnx } from '@vitvq/engine/onnx-export';
import { hasEngine } from '@vitvq/test-utils';
import { it } from '@vitvq/test-utils/node';
import { beforeAll, describe, expect } from 'vitest';
import { extractorVectors, importFeatureExtractor, openOnnxVectors, type TextEncoder } from '../src/index.js';
import { fileOf, imageBytes } from './extractors/formula.js';
import { openaiClip } from './extractors/shapes.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

/** A token for each letter, and CLIP's marks as the two largest, as in the golden cases. */
const letters: TextEncoder = {
  encode: (text) => {
    const mark = ['<|startoftext|>', '<|endoftext|>'].indexOf(text);
    return mark === -1 ? [...text].map((letter) => letter.charCodeAt(0) - 96) : [[61, 63][mark]!];
  },
};

function imagesOf(count: number, side: number): HostImages {
  const data = Float32Array.from(imageBytes('clip', count, side, side), (byte) => byte / 255);
  return { data, shape: [count, side, side, 3] };
}

describe('extractorVectors', () => {
  it("gives the extractor's own numbers, of images and of marked texts", async () => {
    const clip = await importFeatureExtractor('clip-vit', fileOf(openaiClip));
    const vectors = await extractorVectors(clip, letters);
    expect(vectors).toMatchObject({ name: clip.name, hash: clip.hash, width: 32 });
    const images = imagesOf(2, 32);
    const expected = clip.features(tf.tensor4d(images.data, [2, 32, 32, 3])).pooled;
    expect(await vectors.ofImages(images)).toBeAllClose(expected.dataSync());
    // The second text is too long for 9 tokens; the third is empty.
    const tokens = [
      [61, 1, 2, 63, 63, 63, 63, 63, 63],
      [61, 1, 2, 3, 4, 5, 6, 7, 63],
      [61, 63, 63, 63, 63, 63, 63, 63, 63],
    ];
    const ofTexts = clip.textFeatures(tf.tensor2d(tokens, [3, 9], 'int32')).dataSync();
    expect(await vectors.ofTexts!(['ab', 'abcdefghij', ''])).toBeAllClose(ofTexts);
    await vectors.dispose();
    clip.dispose();
  });

  it('has no texts without a tokenizer or a text tower, and refuses a tokenizer without marks', async () => {
    const clip = await importFeatureExtractor('clip-vit', fileOf(openaiClip));
    const mute = await extractorVectors(clip);
    expect(mute.ofTexts).toBeUndefined();
    const { name, hash, inputSize } = clip;
    const blind = await extractorVectors(
      { name, hash, inputSize, features: (images) => clip.features(images) },
      letters,
    );
    expect(blind.ofTexts).toBeUndefined();
    const vectors = await extractorVectors(clip, { encode: (text) => [...text].map(() => 1) });
    await expect(vectors.ofTexts!(['ab'])).rejects.toThrow(/a token <\|startoftext\|>, got 15 tokens for it/);
    for (const each of [mute, blind, vectors]) await each.dispose();
    clip.dispose();
  });
});

describe.skipIf(!(await hasEngine('onnx')))('openOnnxVectors', () => {
  /** Writes towers: the mean colours of an image's quarters, and how often tokens 1 and 2 occur. */
  async function writeTowers(folder: string, widthOfTexts = 2): Promise<{ image: string; text: string }> {
    const [image, text] = [join(folder, 'image.onnx'), join(folder, 'text.onnx')];
    const towers = {
      [image]: await exportOnnx(
        ({ pixels }) => {
          const halves = tf.reshape(pixels, [pixels.shape[0], 3, 2, 8 * 16]);
          const values = tf.reshape(tf.mean(halves, 3), [pixels.shape[0], 6]);
          return { all: pixels, image_embeds: tf.slice(values, [0, 0], [-1, 2]) };
        },
        { inputs: { pixels: { shape: ['batch', 3, 16, 16], dtype: 'float32' } } },
      ),
      [text]: await exportOnnx(
        ({ input_ids: ids, attention_mask: mask }) => {
          const found = Array.from({ length: widthOfTexts }, (_, token) =>
            tf.sum(
              tf.mul(tf.cast(tf.equal(ids, tf.scalar(token + 1, 'int32')), 'float32'), tf.cast(mask, 'float32')),
              1,
            ),
          );
          return { counts: tf.stack(found, 1) };
        },
        {
          inputs: {
            input_ids: { shape: ['batch', 9], dtype: 'int32' },
            attention_mask: { shape: ['batch', 9], dtype: 'int32' },
          },
        },
      ),
    };
    for (const [file, { bytes }] of Object.entries(towers)) writeFileSync(file, bytes);
    return { image, text };
  }

  it('runs both towers on resized, normalised images and marked texts', async ({ temporaryFolder }) => {
    const files = await writeTowers(temporaryFolder);
    const vectors = await openOnnxVectors({ ...files, tokenizer: letters, textLength: 9 });
    expect(vectors).toMatchObject({ name: 'image.onnx and text.onnx', width: 2 });
    const data = new Float32Array(32 * 32 * 3);
    for (let pixel = 0; pixel < 16 * 32; pixel++) data[3 * pixel] = 1; // the upper half is red
    const [upper, lower] = await vectors.ofImages({ data, shape: [1, 32, 32, 3] });
    // What bicubic resizing spills over the border reaches one row of eight.
    expect(upper).toBeCloseTo((1 - 0.48145466) / 0.26862954, 0);
    expect(lower).toBeCloseTo(-0.48145466 / 0.26862954, 0);
    expect([...(await vectors.ofTexts!(['abba', 'b']))]).toEqual([2, 2, 0, 1]);
    const other = await openOnnxVectors({ image: files.image });
    expect(other.ofTexts).toBeUndefined();
    expect(other.hash).not.toBe(vectors.hash);
    for (const each of [vectors, other]) await each.dispose();
  });

  it('refuses files that are none, towers that do not fit, and texts without a tokenizer', async ({
    temporaryFolder,
  }) => {
    const { image, text } = await writeTowers(temporaryFolder, 3);
    await expect(openOnnxVectors({ image, text })).rejects.toThrow(/a tokenizer for the text tower/);
    const options = { image, text, tokenizer: letters, textLength: 9 };
    await expect(openOnnxVectors(options)).rejects.toThrow(/vectors of 2 numbers, got 3 numbers of texts/);
    await expect(openOnnxVectors({ ...options, textLength: 5 })).rejects.toThrow(
      /text\.onnx: expected to run on input_ids/,
    );
    await expect(openOnnxVectors({ image: join(temporaryFolder, 'none.onnx') })).rejects.toThrow(/an ONNX file/);
    writeFileSync(join(temporaryFolder, 'none.onnx'), 'no model');
    await expect(openOnnxVectors({ image: join(temporaryFolder, 'none.onnx') })).rejects.toThrow(/an ONNX file/);
    await expect(openOnnxVectors({ image, inputSize: 8 })).rejects.toThrow(/image\.onnx: expected to run on pixels/);
  });
});
