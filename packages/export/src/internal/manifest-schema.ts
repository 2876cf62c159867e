import { z } from 'zod';
import type { ExportManifest } from '../manifest.js';

/** Name of the manifest in an exported folder. */
export const manifestName = 'vitvq.json';

const graphName = /^[a-z][a-z0-9-]*\.onnx$/;

/** Returns whether a file of that name may belong to an export. */
export function isExportFile(name: string): boolean {
  return name === manifestName || graphName.test(name);
}

const positive = z.int().min(1);
const port = z.strictObject({
  name: z.string().min(1),
  dtype: z.enum(['float32', 'int32', 'bool']),
  shape: z.array(z.union([z.int().min(0), z.string().min(1)])).readonly(),
});
const graph = z.strictObject({
  // The file has a plain name, so that no manifest leads out of its folder.
  file: z.string().regex(graphName),
  bytes: positive,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  opset: positive,
  weights: z.enum(['float32', 'float16']),
  inputs: z.array(port).readonly(),
  outputs: z.array(port).readonly(),
});
const grid = z.tuple([positive, positive]).readonly();
const metadata = z.record(z.string(), z.string()).readonly();
const meaning = z.record(z.string(), z.unknown()).readonly();
const fraction = z.number().min(0).max(1);
// JSON cannot represent the infinite PSNR of equal images.
const decibel = z
  .number()
  .nullable()
  .transform((value) => value ?? Infinity);
const measured = {
  runtime: z.enum(['node', 'web']),
  images: positive,
  firstOriginalBy: z.enum(['tensorflow.js', 'engine']),
  equalTokens: fraction,
};
const tokens = { grid, vocabSize: positive, codeDepth: positive };
const cache = z.array(z.strictObject({ past: z.string(), present: z.string() })).readonly();
const transformer = {
  ...tokens,
  condition: z.discriminatedUnion('input', [
    z.strictObject({
      input: z.literal('tokens'),
      length: positive,
      vocabSize: positive,
      nullTokens: z.array(z.int().min(0)).readonly(),
      meaning,
    }),
    z.strictObject({
      input: z.literal('numbers'),
      shape: z.array(positive).readonly(),
      nullInput: z.array(z.number()).readonly(),
      nullKeepsPadding: z.literal(true).optional(),
      meaning,
    }),
  ]),
  measured: z.array(z.strictObject({ ...measured, logits: z.number(), largestLogit: z.number() })).readonly(),
  metadata,
};

/**
 * Schema of a manifest. Any other content is an error: it would be of a version that this program
 * does not know.
 */
export const manifestSchema: z.ZodType<ExportManifest> = z.strictObject({
  format: z.literal('vitvq-onnx'),
  version: z.literal(1),
  tokenizer: z
    .strictObject({
      ...tokens,
      image: z.strictObject({
        height: positive,
        width: positive,
        channels: positive,
        layout: z.literal('NHWC'),
        dtype: z.literal('float32'),
        range: z.tuple([z.literal(0), z.literal(1)]).readonly(),
      }),
      encoder: graph,
      decoder: graph,
      measured: z
        .array(
          z.strictObject({
            ...measured,
            pictures: z.enum(['given', 'synthetic']),
            pixels: z.number(),
            psnr: z.strictObject({ original: decibel, exported: decibel }),
          }),
        )
        .readonly(),
      metadata,
    })
    .optional(),
  transformer: z
    .discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('raster'),
        ...transformer,
        prefill: graph,
        decodeStep: graph,
        predict: graph.optional(),
        cache,
      }),
      z.strictObject({ kind: z.literal('masked'), ...transformer, maskedLogits: graph }),
      z.strictObject({
        kind: z.literal('any-order'),
        ...transformer,
        tokensPerStep: positive,
        prefill: graph,
        decodeStep: graph,
        cache,
      }),
    ])
    .optional(),
});
