import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import { join } from 'node:path';
import { randomKey, randomUniform } from '@vitvq/core';
import { compile } from '@vitvq/engine';
import { reconstructionMetrics } from '@vitvq/metrics';
import type { ExportableTokenizer } from '../export-tokenizer.js';
import type { ExportedTokenizer } from '../manifest.js';
import { equalShare, largestDifference } from './differences.js';
import { openSession, type HostValue, type RuntimeName } from './runtimes.js';

/** How near the files of a tokenizer come to it. */
export interface TokenizerCheck {
  readonly part: 'tokenizer';
  readonly runtime: RuntimeName;
  readonly images: number;
  /** Share of the encoder's tokens that are the tokenizer's. */
  readonly equalTokens: number;
  /** Largest difference of a pixel that the decoder makes of the same tokens. */
  readonly pixels: number;
  /** Mean over images, in decibel: of the tokenizer's reconstructions and of those by both files, against the images. */
  readonly psnr: { readonly original: number; readonly exported: number };
  readonly passed: boolean;
}

interface CheckOptions {
  readonly runtimes: readonly RuntimeName[];
  readonly images: Tensor4D | undefined;
  readonly seed: number;
  readonly tolerance: number;
  readonly equalTokens: number;
}

/** Large images in large batches would not fit into the memory that WebAssembly has. */
const largestBatch = 8;

/** One image alone, then the others in batches. */
export async function checkTokenizer(
  folder: string,
  exported: ExportedTokenizer,
  tokenizer: ExportableTokenizer,
  { runtimes, images, seed, tolerance, equalTokens }: CheckOptions,
): Promise<TokenizerCheck[]> {
  const { height, width, channels } = exported.image;
  const size = height * width * channels;
  const pixels = images ? Float32Array.from(await images.data()) : randomUniform(randomKey(seed), 3 * size);
  const count = pixels.length / size;
  const batches: HostValue[] = [];
  for (let from = 0, to = 1; from < count; from = to, to = Math.min(count, to + largestBatch)) {
    batches.push({ shape: [to - from, height, width, channels], data: pixels.subarray(from * size, to * size) });
  }
  const expected = await originals(tokenizer, batches);
  const psnrOf = (values: readonly HostValue[]): number => {
    const all = new Float32Array(pixels.length);
    let at = 0;
    for (const { data } of values) {
      all.set(data, at);
      at += data.length;
    }
    return reconstructionMetrics(pixels, all, size).psnr;
  };
  const original = psnrOf(expected.map((each) => each.images));

  const checks: TokenizerCheck[] = [];
  for (const runtime of runtimes) {
    const encoder = await openSession(runtime, join(folder, exported.encoder.file), exported.encoder);
    const decoder = await openSession(runtime, join(folder, exported.decoder.file), exported.decoder);
    try {
      const results = [];
      for (const [index, batch] of batches.entries()) {
        const { tokens } = await encoder.run({ images: batch });
        const decoded = await decoder.run({ tokens: expected[index]!.tokens });
        const reconstructed = await decoder.run({ tokens: tokens! });
        results.push({ tokens: tokens!, decoded: decoded.images!, reconstructed: reconstructed.images! });
      }
      const found = {
        equalTokens: equalShare(results.map((result, index) => [result.tokens, expected[index]!.tokens] as const)),
        pixels: largestDifference(results.map((result, index) => [result.decoded, expected[index]!.images] as const)),
        psnr: { original, exported: psnrOf(results.map(({ reconstructed }) => reconstructed)) },
      };
      const passed = found.pixels <= tolerance && found.equalTokens >= equalTokens;
      checks.push({ part: 'tokenizer', runtime, images: count, ...found, passed });
    } finally {
      await encoder.release();
      await decoder.release();
    }
  }
  return checks;
}

/** What the tokenizer itself makes of the batches. */
async function originals(
  tokenizer: ExportableTokenizer,
  batches: readonly HostValue[],
): Promise<{ tokens: HostValue; images: HostValue }[]> {
  const encode = compile((images: Tensor4D): Tensor2D | Tensor3D => tokenizer.encode(images), { name: 'encode' });
  const decode = compile((tokens: Tensor2D | Tensor3D) => tokenizer.decode(tokens), { name: 'decode' });
  const results = [];
  try {
    for (const { shape, data } of batches) {
      const input = tf.tensor<tf.Rank.R4>(data, shape as Tensor4D['shape']);
      const tokens = await encode(input);
      const images = await decode(tokens);
      results.push({
        tokens: { shape: tokens.shape, data: Int32Array.from(await tokens.data()) },
        images: { shape: images.shape, data: Float32Array.from(await images.data()) },
      });
      tf.dispose([input, tokens, images]);
    }
  } finally {
    encode.dispose();
    decode.dispose();
  }
  return results;
}
