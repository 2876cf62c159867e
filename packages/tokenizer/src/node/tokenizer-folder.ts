import { join } from 'node:path';
import { openModel, resolveModelFolder, restoreVariables, variableTensors, writeModel } from '@vitvq/checkpoint';
import * as tf from '@tensorflow/tfjs-core';
import {
  ConfigError,
  DataError,
  namedDifferences,
  isQuantizer,
  skipInitialization,
  type Bottleneck,
} from '@vitvq/core';
import { bottleneckKinds, type BuiltInBottleneckKinds, type QuantizerKinds } from '@vitvq/quantizers';
import { buildTokenizer } from '../internal/build-tokenizer.js';
import type { TokenizerConfig } from '../tokenizer-config.js';
import type { VQTokenizer } from '../vq-tokenizer.js';

/** Type of model that the folder of a tokenizer names. */
const modelType = 'vq-tokenizer';

/** Kinds of quantizers that a config may ask for. */
export interface TokenizerKinds<K extends QuantizerKinds = BuiltInBottleneckKinds> {
  /** Table of kinds; `{ ...bottleneckKinds, mine }` adds one. @default bottleneckKinds */
  readonly quantizers?: K;
}

/** Notes that are written beside the weights, and the kinds that the config may ask for. */
export interface SaveTokenizerOptions<K extends QuantizerKinds = BuiltInBottleneckKinds> extends TokenizerKinds<K> {
  /** Notes for people and programs, such as what the tokenizer was trained on and its metrics. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes a tokenizer as a model folder, `config.json` and `model.safetensors`, which {@link
 * loadTokenizer} and every tool that takes a model reads. The config holds all that is needed to
 * use the tokenizer: image size, channels, and the normalization of pixels in [0, 1].
 * @param tokenizer  as `createTokenizer(config, ...)` built it; within `trainer.withEMA(...)` it
 *   has the EMA of its weights
 * @throws {ConfigError} when the tokenizer is not one of this config, before anything is written
 * @throws {DataError} naming the file that cannot be written
 */
export async function saveTokenizer<K extends QuantizerKinds = BuiltInBottleneckKinds>(
  folder: string,
  tokenizer: VQTokenizer,
  config: TokenizerConfig<K>,
  { metadata, quantizers }: SaveTokenizerOptions<K> = {},
): Promise<void> {
  assertOfConfig(tokenizer, config, quantizers ?? bottleneckKinds);
  await writeModel(folder, { type: modelType, config, metadata }, variableTensors(tokenizer.namedVariables()));
}

/**
 * Loads the tokenizer of a model folder, or of `owner/name` on a hub (see `fetchModel` of
 * @vitvq/checkpoint). The caller disposes of it.
 * @throws {DataError} when the folder holds no tokenizer or is damaged
 * @throws {ConfigError} naming every problem of its config at once
 * @throws {ShapeError} naming all missing, unexpected and mis-shaped tensors together; for a config
 *   whose model is much larger than what the folder holds, before the model is built
 */
export async function loadTokenizer(
  source: string,
  { quantizers = bottleneckKinds }: TokenizerKinds<QuantizerKinds> = {},
): Promise<VQTokenizer> {
  const folder = await resolveModelFolder(source);
  const opened = await openModel(folder);
  try {
    const configFile = join(folder, 'config.json');
    if (opened.type !== modelType) {
      throw new DataError({
        where: configFile,
        expected: `a tokenizer, of type ${modelType}`,
        got: JSON.stringify(opened.type),
        fix: 'Transformers are loaded by loadTransformer of @vitvq/transformers/node.',
      });
    }
    // Every weight is about to be replaced.
    const tokenizer = skipInitialization((key) => buildTokenizer(opened.config, key, configFile, quantizers), opened);
    try {
      await restoreVariables(opened, tokenizer.namedVariables());
    } catch (error) {
      tokenizer.dispose();
      throw error;
    }
    return tokenizer;
  } finally {
    await opened.close();
  }
}

/**
 * Builds another tokenizer of the config for a moment and compares, so that what is written can be
 * loaded.
 * @throws {ConfigError} naming everything that differs
 */
function assertOfConfig(tokenizer: VQTokenizer, config: object, quantizers: QuantizerKinds): void {
  const where = 'saveTokenizer';
  const built = skipInitialization((key) => buildTokenizer(config, key, where, quantizers));
  try {
    const [expected, got] = [facts(built), facts(tokenizer)];
    const problems = [
      ...Object.keys(expected)
        .filter((name) => expected[name] !== got[name])
        .map((name) => `${name} ${got[name]} instead of ${expected[name]}`),
      ...namedDifferences(built.namedVariables(), tokenizer.namedVariables()),
    ];
    if (problems.length > 0) {
      throw new ConfigError({
        where,
        expected: 'a tokenizer of the config',
        got: problems.join('; '),
        fix: 'Pass the config that the tokenizer was created with.',
      });
    }
  } finally {
    built.dispose();
  }
}

/** Returns what the shapes of variables do not tell. */
function facts({ grid, quantizer, output, pixelNormalization, nestedLengths }: VQTokenizer): Record<string, string> {
  const { codeDim, codebook } = quantizer;
  const { codebookSize, codeDepth } = isQuantizer(quantizer) ? quantizer : {};
  const normalized = codebook?.tables[0]?.normalized;
  const shape = { grid, codebookSize, codeDim, codeDepth, normalized, codes: fixedCodes(quantizer) };
  return Object.fromEntries(
    Object.entries({ ...shape, output, pixelNormalization, nestedLengths }).map(([name, value]) => [
      name,
      JSON.stringify(value),
    ]),
  );
}

/** Number of codes that tell apart two quantizers without variables. */
const comparedCodes = 16;

/** Returns some codes of a quantizer without variables, whose config alone says what codes are. */
function fixedCodes(quantizer: Bottleneck): number[] | undefined {
  if (!isQuantizer(quantizer) || quantizer.namedVariables().size > 0) return undefined;
  const { codebookSize, codeDepth } = quantizer;
  return tf.tidy(() => {
    const spread = (at: number): number => Math.round((at * (codebookSize - 1)) / (comparedCodes - 1));
    const indices = Array.from({ length: comparedCodes * codeDepth }, (_, at) => spread(Math.floor(at / codeDepth)));
    const shape = codeDepth === 1 ? [1, comparedCodes] : [1, comparedCodes, codeDepth];
    return [...quantizer.decode(tf.tensor<tf.Rank>(indices, shape, 'int32') as tf.Tensor2D).dataSync()];
  });
}
