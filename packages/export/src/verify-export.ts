import type { Tensor4D } from '@tensorflow/tfjs-core';
import {
  assertImages,
  assertOneOf,
  assertShape,
  checkOptions,
  ConfigError,
  formatShape,
  imageShapeAdvice,
  ShapeError,
  type OptionTable,
} from '@vitvq/core';
import type { AnyConditioner, AnyTokenModel } from '@vitvq/transformers';
import type { ExportReport } from './export-report.js';
import type { ExportableTokenizer } from './exportable-tokenizer.js';
import { checkTokenizer } from './internal/check-tokenizer.js';
import { checkTransformer } from './internal/check-transformer.js';
import { isInstalled } from './internal/runtimes.js';
import type { ExportedImage } from './manifest.js';
import { graphsOf, readExport } from './read-export.js';
import type { RuntimeName } from './runtime-name.js';

/** Options of {@link verifyExport}. */
export interface VerifyOptions {
  /** Runtimes that run the files. @default both, where onnxruntime-web is installed */
  readonly runtimes?: readonly RuntimeName[];
  /**
   * At least two images `[B, H, W, C]` in [0, 1] for the tokenizer; `psnr` is meaningful for real
   * images only. @default three smooth synthetic pictures
   */
  readonly images?: Tensor4D;
  /**
   * Largest difference that passes: of pixels, and of logits relative to the largest logit where
   * that is above 1.
   * @default 1e-4; with weights in float16, 0.02
   */
  readonly tolerance?: number;
  /**
   * Fraction of tokens that must be equal. A latent may be as near to one code as to another, up to
   * rounding.
   * @default 0.999; with weights in float16, 0.95
   */
  readonly equalTokens?: number;
  /** Seed of drawn images, conditions and tokens. @default 0 */
  readonly seed?: number;
}

/** Names of {@link VerifyOptions}. */
export const verifyOptionNames: OptionTable<VerifyOptions> = {
  runtimes: 'optional',
  images: 'optional',
  tolerance: 'optional',
  equalTokens: 'optional',
  seed: 'optional',
};

/** Models that a folder comes from; a part without its model is not checked. */
export interface Originals {
  readonly tokenizer?: ExportableTokenizer;
  readonly transformer?: AnyTokenModel;
  /** Conditioner of the transformer, needed where it embeds conditions. */
  readonly conditioner?: AnyConditioner;
}

const originalNames: OptionTable<Originals> = {
  tokenizer: 'optional',
  transformer: 'optional',
  conditioner: 'optional',
};

/**
 * Runs an exported folder against the models that it comes from: the tokenizer on one image and on
 * several at once, tokens and pixels; the transformer on one row and on two, against the model's
 * full forward pass over the same tokens: step by step with its KV cache (an any-order model in
 * drawn orders), or, of a masked model, with half of the tokens known. The originals run on the
 * engine in use. An engine that compiles shares the translation to ONNX with the files; therefore
 * plain TensorFlow.js computes the original of the first example, where the model is small enough
 * for that to take seconds. For a larger model, `useEngine({ name: 'cpu' })` before the call has
 * all originals computed that way, which may take an hour.
 * @throws {DataError} when a file is missing or damaged, and for images that are not in [0, 1]
 * @throws {ConfigError} when the folder lacks a part whose original is given, or has a transformer
 *   of another kind
 * @throws {ShapeError} when the images are not at least two of the tokenizer's
 * @throws {ExportError} when a runtime is missing or refuses a file
 */
export async function verifyExport(
  folder: string,
  originals: Originals,
  options: VerifyOptions = {},
): Promise<ExportReport> {
  checkOptions(originals, originalNames, 'verifyExport, originals');
  checkOptions(options, verifyOptionNames, 'verifyExport');
  const { runtimes: wanted } = options;
  if (wanted !== undefined && !Array.isArray(wanted)) {
    throw new ConfigError({ where: 'verifyExport', expected: 'runtimes to be a list', got: JSON.stringify(wanted) });
  }
  for (const runtime of wanted ?? []) assertOneOf(runtime, ['node', 'web'], 'runtimes', 'verifyExport');
  const manifest = await readExport(folder);
  const { seed = 0, images, tolerance, equalTokens } = options;
  const runtimes = options.runtimes ?? ((await isInstalled('web')) ? ['node', 'web'] : ['node']);
  const checks: ExportReport['checks'][number][] = [];
  const limitsFor = (weights: 'float32' | 'float16'): { tolerance: number; equalTokens: number } => ({
    tolerance: tolerance ?? (weights === 'float32' ? 1e-4 : 0.02),
    equalTokens: equalTokens ?? (weights === 'float32' ? 0.999 : 0.95),
  });
  for (const name of ['tokenizer', 'transformer'] as const) {
    if (originals[name] && !manifest[name]) {
      throw new ConfigError({ where: 'verifyExport', expected: `a folder with a ${name}`, got: `none in ${folder}` });
    }
  }
  if (originals.tokenizer && manifest.tokenizer) {
    const exported = manifest.tokenizer;
    if (images) await assertImagesOf(images, exported.image);
    const limits = limitsFor(exported.encoder.weights);
    checks.push(
      ...(await checkTokenizer(folder, exported, originals.tokenizer, { runtimes, images, seed, ...limits })),
    );
  }
  if (originals.transformer && manifest.transformer) {
    const exported = manifest.transformer;
    const limits = limitsFor(graphsOf({ transformer: exported })[0]!.weights);
    checks.push(
      ...(await checkTransformer(folder, exported, originals.transformer, {
        runtimes,
        seed,
        conditioner: originals.conditioner,
        ...limits,
      })),
    );
  }
  return { passed: checks.every(({ passed }) => passed), checks };
}

/** @throws {ShapeError} @throws {DataError} for other images than those of the tokenizer */
async function assertImagesOf(images: Tensor4D, { height, width, channels }: ExportedImage): Promise<void> {
  const where = 'verifyExport, images';
  assertShape(images, ['B', height, width, channels], where, imageShapeAdvice(images.shape, channels));
  if (images.shape[0] < 2) {
    throw new ShapeError({ where, expected: 'at least two images', got: formatShape(images.shape) });
  }
  assertImages({ data: await images.data(), shape: images.shape }, where);
}
