import type { Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import { exportOnnx } from '@vitvq/engine/onnx-export';
import type { ViTVQ } from '@vitvq/tokenizer';
import { ExportError } from './errors.js';
import { assertPassed } from './internal/assert-passed.js';
import { partMetadata } from './internal/part-metadata.js';
import { writeExport } from './internal/write-export.js';
import type { ExportedImage, ExportManifest } from './manifest.js';
import { verifyExport, type ExportReport, type VerifyOptions } from './verify-export.js';

/** What is needed of a tokenizer: a {@link ViTVQ}, or one of your own. */
export type ExportableTokenizer = Pick<ViTVQ, 'grid' | 'vocabSize' | 'encode' | 'decode' | 'namedVariables'> & {
  readonly quantizer: Pick<ViTVQ['quantizer'], 'codeDepth'>;
};

export interface ExportOptions {
  /**
   * How weights are stored. `float16` halves the files; weights become float32 again when a file is loaded. `psnr` of the
   * report says what it costs: give it images (`verify.images`).
   * @default 'float32'
   */
  readonly weights?: 'float32' | 'float16';
  /** Notes for the manifest and the files: where the weights come from, their licence. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** How the files are checked before they get their names; `false`: not at all. @default as verifyExport does */
  readonly verify?: VerifyOptions | false;
}

/** What was written. */
export interface ExportResult {
  readonly manifest: ExportManifest;
  /** What the check found; undefined where there was none. */
  readonly report: ExportReport | undefined;
}

/**
 * Writes `encoder.onnx` (images to tokens) and `decoder.onnx` (tokens to images) with their entry in `vitvq.json`: operators of
 * the ONNX standard alone, for any number of images. What a transformer's export has written to the folder stays.
 * @throws {ConfigError} when the folder holds a transformer of other tokens
 * @throws {ExportError} when the files do not give what the tokenizer gives; they are not left behind
 */
export async function exportTokenizer(
  tokenizer: ExportableTokenizer,
  folder: string,
  { weights = 'float32', metadata = {}, verify = {} }: ExportOptions = {},
): Promise<ExportResult> {
  const { vocabSize, grid } = tokenizer;
  const { codeDepth: levels } = tokenizer.quantizer;
  const positions = grid[0] * grid[1];
  const variables = tokenizer.namedVariables();
  const tokenShape = levels === 1 ? (['batch', positions] as const) : (['batch', positions, levels] as const);

  return writeExport(
    folder,
    { part: 'tokenizer', shape: { grid, vocabSize, levels } },
    async (add) => {
      const about = { grid, vocabSize, levels, weights };
      const decoded = await exportOnnx(({ tokens }) => ({ images: tokenizer.decode(tokens as Tensor2D | Tensor3D) }), {
        name: 'decoder',
        inputs: { tokens: { shape: tokenShape, dtype: 'int32' } },
        variables,
        weights,
        metadata: partMetadata('decoder', about, metadata),
      });
      // The decoder knows how large images are and what they consist of.
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
      return { tokenizer: { grid, vocabSize, levels, image, encoder, decoder, measured: [], metadata } };
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
