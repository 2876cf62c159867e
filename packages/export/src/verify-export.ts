import type { Tensor4D } from '@tensorflow/tfjs-core';
import { ConfigError, formatShape, ShapeError } from '@vitvq/core';
import type { AnyConditioner, AutoregressiveModel } from '@vitvq/transformers';
import type { ExportableTokenizer } from './export-tokenizer.js';
import { checkTokenizer, type TokenizerCheck } from './internal/check-tokenizer.js';
import { checkTransformer, type TransformerCheck } from './internal/check-transformer.js';
import { isInstalled, type RuntimeName } from './internal/runtimes.js';
import { readExport } from './read-export.js';

export interface VerifyOptions {
  /** What runs the files. @default both, where onnxruntime-web is installed */
  readonly runtimes?: readonly RuntimeName[];
  /** At least two images `[B, H, W, C]` in [0, 1] for the tokenizer; `psnr` means something with real ones. @default three smooth synthetic pictures */
  readonly images?: Tensor4D;
  /**
   * Largest difference that passes: of pixels, and of logits in proportion to the largest, where that is above 1.
   * @default 1e-4; with weights in float16, 0.02
   */
  readonly tolerance?: number;
  /**
   * Share of tokens that must be the same. An image may have a feature as near to one code as to another, up to rounding.
   * @default 0.999; with weights in float16, 0.95
   */
  readonly equalTokens?: number;
  /** Of drawn images, conditions and tokens. @default 0 */
  readonly seed?: number;
}

export interface ExportReport {
  readonly passed: boolean;
  readonly checks: readonly (TokenizerCheck | TransformerCheck)[];
}

/** The models that a folder comes from; those that are missing are not checked. */
export interface Originals {
  readonly tokenizer?: ExportableTokenizer;
  readonly transformer?: AutoregressiveModel;
  /** The transformer's, needed where it embeds conditions. */
  readonly conditioner?: AnyConditioner;
}

/**
 * Runs an exported folder against the models that it comes from: the tokenizer on one image and on several at once, tokens and
 * pixels; the transformer token by token with its cache, one row and two, against the model's full forward pass over the same
 * tokens. The originals run on the engine that is in use. One that compiles shares the translation to ONNX with the files, so
 * plain TensorFlow.js computes the original of the first example, where the model is small enough for that to take seconds; for a larger
 * one, `useEngine({ name: 'cpu' })` before has all of them computed so, which may take an hour.
 * @throws {DataError} when a file is missing or damaged
 * @throws {ExportError} when a runtime is missing or refuses a file
 */
export async function verifyExport(
  folder: string,
  originals: Originals,
  options: VerifyOptions = {},
): Promise<ExportReport> {
  const manifest = await readExport(folder);
  const { seed = 0, images, tolerance, equalTokens } = options;
  const runtimes = options.runtimes ?? ((await isInstalled('web')) ? ['node', 'web'] : ['node']);
  const checks: (TokenizerCheck | TransformerCheck)[] = [];
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
    if (images) assertImages(images, exported.image);
    const limits = limitsFor(exported.encoder.weights);
    checks.push(
      ...(await checkTokenizer(folder, exported, originals.tokenizer, { runtimes, images, seed, ...limits })),
    );
  }
  if (originals.transformer && manifest.transformer) {
    const exported = manifest.transformer;
    const limits = limitsFor(exported.step.weights);
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

/** A check in one line, for people. */
export function describeCheck(check: TokenizerCheck | TransformerCheck): string {
  const runtime = { node: 'onnxruntime-node', web: 'onnxruntime-web' }[check.runtime];
  const share = `${(100 * check.equalTokens).toFixed(2)} % of tokens equal`;
  if (check.part === 'tokenizer') {
    const { original, exported } = check.psnr;
    return `tokenizer in ${runtime}: ${share}, pixels differ by at most ${check.pixels.toExponential(1)}, PSNR ${exported.toFixed(2)} dB instead of ${original.toFixed(2)} (on ${examplesOf(check, check.pictures === 'given' ? 'images' : 'synthetic pictures')})`;
  }
  return `transformer in ${runtime}: logits differ by at most ${check.logits.toExponential(1)} of ${check.largestLogit.toPrecision(3)}, ${share} when the most likely is chosen (on ${examplesOf(check, 'sequences')})`;
}

function examplesOf(
  { images, firstOriginalBy }: Pick<TokenizerCheck | TransformerCheck, 'images' | 'firstOriginalBy'>,
  name: string,
): string {
  const note = {
    'tensorflow.js': 'the first compared with plain TensorFlow.js',
    engine: 'none compared with plain TensorFlow.js, which would take too long',
  };
  return `${images} ${name}, ${note[firstOriginalBy]}`;
}

function assertImages(images: Tensor4D, image: { height: number; width: number; channels: number }): void {
  const { height, width, channels } = image;
  const [count, ...shape] = images.shape;
  if (shape.join() !== [height, width, channels].join() || count < 2) {
    throw new ShapeError({
      where: 'verifyExport',
      expected: `at least two images ${formatShape(['B', height, width, channels])}`,
      got: formatShape(images.shape),
    });
  }
}
