import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import { reconstructionMetrics } from '@vitvq/evaluation';
import type { TokenizerCheck } from '../export-report.js';
import type { ExportableTokenizer } from '../exportable-tokenizer.js';
import type { ExportedTokenizer, OriginalBy } from '../manifest.js';
import type { RuntimeName } from '../runtime-name.js';
import { equalFraction, largestDifference } from './differences.js';
import { original, originalBy } from './originals.js';
import { openSession, type HostValue } from './runtimes.js';
import { syntheticImages } from './synthetic-images.js';

interface CheckOptions {
  readonly runtimes: readonly RuntimeName[];
  readonly images: Tensor4D | undefined;
  readonly seed: number;
  readonly tolerance: number;
  readonly equalTokens: number;
}

/** Large images in large batches would not fit into the memory that WebAssembly has. */
const largestBatch = 8;

/** Checks the files of a tokenizer on one image alone, then on the others in batches. */
export async function checkTokenizer(
  folder: string,
  exported: ExportedTokenizer,
  tokenizer: ExportableTokenizer,
  { runtimes, images, seed, tolerance, equalTokens }: CheckOptions,
): Promise<TokenizerCheck[]> {
  const { height, width, channels } = exported.image;
  const size = height * width * channels;
  const pixels = images ? Float32Array.from(await images.data()) : syntheticImages(3, exported.image, seed);
  const count = pixels.length / size;
  const batches: HostValue[] = [];
  for (let from = 0, to = 1; from < count; from = to, to = Math.min(count, to + largestBatch)) {
    batches.push({ shape: [to - from, height, width, channels], data: pixels.subarray(from * size, to * size) });
  }
  const firstOriginalBy = originalBy(multiplications(tokenizer, exported));
  const expected = await originals(tokenizer, batches, firstOriginalBy);
  const psnrOf = (values: readonly HostValue[]): number => {
    const all = new Float32Array(pixels.length);
    let at = 0;
    for (const { data } of values) {
      all.set(data, at);
      at += data.length;
    }
    return reconstructionMetrics(pixels, all, size).psnr;
  };
  const psnrOfOriginal = psnrOf(expected.map((each) => each.images));

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
        equalTokens: equalFraction(results.map((result, index) => [result.tokens, expected[index]!.tokens] as const)),
        pixels: largestDifference(results.map((result, index) => [result.decoded, expected[index]!.images] as const)),
        psnr: { original: psnrOfOriginal, exported: psnrOf(results.map(({ reconstructed }) => reconstructed)) },
      };
      const passed = found.pixels <= tolerance && found.equalTokens >= equalTokens;
      const pictures = images ? 'given' : 'synthetic';
      checks.push({ part: 'tokenizer', runtime, images: count, pictures, firstOriginalBy, ...found, passed });
    } finally {
      await encoder.release();
      await decoder.release();
    }
  }
  return checks;
}

/**
 * Returns about how many multiplications one image takes: dense layers see every token, and a
 * convolution may see every pixel.
 */
function multiplications(tokenizer: ExportableTokenizer, { image }: ExportedTokenizer): number {
  const tokens = tokenizer.grid[0] * tokenizer.grid[1];
  let sum = 0;
  for (const { rank, size } of tokenizer.namedVariables().values()) {
    sum += size * (rank === 4 ? image.height * image.width : tokens);
  }
  return sum;
}

/** Returns the tokens and reconstructions that the tokenizer itself computes for the batches. */
async function originals(
  tokenizer: ExportableTokenizer,
  batches: readonly HostValue[],
  firstOriginalBy: OriginalBy,
): Promise<{ tokens: HostValue; images: HostValue }[]> {
  const encode = original('encode', (images: Tensor4D) => tokenizer.encode(images));
  const decode = original('decode', (tokens: Tensor2D | Tensor3D) => tokenizer.decode(tokens));
  const results = [];
  try {
    for (const [index, { shape, data }] of batches.entries()) {
      const by = index === 0 ? firstOriginalBy : 'engine';
      const input = tf.tensor<tf.Rank.R4>(data, shape as Tensor4D['shape']);
      const tokens = await encode.run(by, input);
      input.dispose();
      const indices = tf.tensor(tokens.data, [...tokens.shape], 'int32');
      results.push({ tokens, images: await decode.run(by, indices as Tensor2D | Tensor3D) });
      indices.dispose();
    }
  } finally {
    encode.dispose();
    decode.dispose();
  }
  return results;
}
