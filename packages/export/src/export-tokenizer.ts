import type { Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import { assertHasTokens, assertMembers } from '@vitvq/core';
import { exportOnnx } from '@vitvq/engine/onnx-export';
import { ExportError } from './errors.js';
import { completeExportOptions, type ExportOptions, type ExportResult } from './export-options.js';
import type { ExportableTokenizer } from './exportable-tokenizer.js';
import { assertPassed } from './internal/assert-passed.js';
import { partMetadata } from './internal/part-metadata.js';
import { writeExport } from './internal/write-export.js';
import type { ExportedImage } from './manifest.js';
import { verifyExport } from './verify-export.js';

/**
 * Writes `encoder.onnx` (images to tokens) and `decoder.onnx` (tokens to images), which use
 * operators of the ONNX standard alone and take any number of images, and their entry in
 * `vitvq.json`. The files of a transformer in the same folder stay.
 * @throws {ConfigError} for wrong options, for a tokenizer whose latents are no codes, and when the
 *   folder holds a transformer of other tokens
 * @throws {ExportError} when the files do not compute what the tokenizer computes; such files are
 *   removed
 */
export async function exportTokenizer(
  tokenizer: ExportableTokenizer,
  folder: string,
  options: ExportOptions = {},
): Promise<ExportResult> {
  const where = 'exportTokenizer';
  const { weights, metadata, verify } = completeExportOptions(options, where);
  assertHasTokens(tokenizer, where);
  const members = ['grid', 'vocabSize', 'codeDepth', 'encode', 'decode', 'namedVariables'];
  assertMembers(tokenizer, members, 'the tokenizer', where);
  const { vocabSize, grid, codeDepth } = tokenizer;
  const positions = grid[0] * grid[1];
  const variables = tokenizer.namedVariables();
  const tokenShape = codeDepth === 1 ? (['batch', positions] as const) : (['batch', positions, codeDepth] as const);

  return writeExport(
    folder,
    { part: 'tokenizer', shape: { grid, vocabSize, codeDepth } },
    async (add) => {
      const about = { grid, vocabSize, codeDepth, weights };
      const decoded = await exportOnnx(({ tokens }) => ({ images: tokenizer.decode(tokens as Tensor2D | Tensor3D) }), {
        name: 'decoder',
        inputs: { tokens: { shape: tokenShape, dtype: 'int32' } },
        variables,
        weights,
        metadata: partMetadata('decoder', about, metadata),
      });
      // The decoder's output has the size and the channels of images.
      const image = imageOf(decoded.outputs[0]!.shape);
      const decoder = await add('decoder.onnx', decoded, weights);
      const encoded = await exportOnnx(({ images }) => ({ tokens: tokenizer.encode(images as Tensor4D) }), {
        name: 'encoder',
        inputs: { images: { shape: ['batch', image.height, image.width, image.channels], dtype: 'float32' } },
        variables,
        weights,
        metadata: partMetadata('encoder', { ...about, image }, metadata),
      });
      const encoder = await add('encoder.onnx', encoded, weights);
      return { tokenizer: { grid, vocabSize, codeDepth, image, encoder, decoder, measured: [], metadata } };
    },
    async (staging) => {
      if (verify === false) return undefined;
      return assertPassed(await verifyExport(staging, { tokenizer }, verify), folder);
    },
  );
}

function imageOf(shape: readonly (number | string)[]): ExportedImage {
  const [batch, height, width, channels] = shape;
  if (
    shape.length !== 4 ||
    batch !== 'batch' ||
    typeof height !== 'number' ||
    typeof width !== 'number' ||
    typeof channels !== 'number'
  ) {
    throw new ExportError({
      where: 'exportTokenizer',
      expected: 'a decoder of images [B, H, W, C]',
      got: `[${shape.join(', ')}]`,
    });
  }
  return { height, width, channels, layout: 'NHWC', dtype: 'float32', range: [0, 1] };
}
