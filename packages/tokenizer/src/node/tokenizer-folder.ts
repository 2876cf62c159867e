import { join } from 'node:path';
import { openModel, restoreVariables, variableTensors, writeModel } from '@vitvq/checkpoint';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, DataError, namedDifferences, skipInitialization, type Quantizer } from '@vitvq/core';
import { quantizerKinds, type BuiltInQuantizerKinds, type QuantizerKinds } from '@vitvq/quantizers';
import { buildCNNVQ, type CNNVQConfig } from '../create-cnn-tokenizer.js';
import { buildViTVQ, type ViTVQConfig } from '../create-vit-tokenizer.js';
import type { ViTVQ } from '../vq-tokenizer.js';

/** By what a tokenizer's folder calls its kind of model. */
const builders = { 'vit-vq': buildViTVQ, 'cnn-vq': buildCNNVQ } as const;
type TokenizerType = keyof typeof builders;

/** A tokenizer as data, of either kind. */
export type TokenizerConfig<K extends QuantizerKinds = BuiltInQuantizerKinds> = ViTVQConfig<K> | CNNVQConfig<K>;

/** Kinds of quantizers that a config may ask for. */
export interface TokenizerKinds<K extends QuantizerKinds = BuiltInQuantizerKinds> {
  /** `{ ...quantizerKinds, mine }` for one of your own. @default quantizerKinds */
  readonly quantizers?: K;
}

/** What is written beside the weights, and how the config is read. */
export interface SaveTokenizerOptions<K extends QuantizerKinds = BuiltInQuantizerKinds> extends TokenizerKinds<K> {
  /** Notes for people and programs: what the tokenizer was trained on, what it reaches. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Only patches make a transformer. */
function typeOf(config: object): TokenizerType {
  return 'patchSize' in config ? 'vit-vq' : 'cnn-vq';
}

/**
 * Writes a tokenizer as a model's folder, `config.json` and `model.safetensors`, which {@link
 * loadTokenizer} and every tool that takes a model reads. The config says all that is needed to use
 * it: image size, channels, what is done to pixels in [0, 1].
 * @param tokenizer  as `createViTVQ(config)` or `createCNNVQ(config)` built it; within
 *   `trainer.withEMA(...)` it has the averages of its weights
 * @throws {ConfigError} when the tokenizer is not one of this config, before anything is written
 * @throws {DataError} naming the file that cannot be written
 */
export async function saveTokenizer<K extends QuantizerKinds = BuiltInQuantizerKinds>(
  folder: string,
  tokenizer: ViTVQ,
  config: TokenizerConfig<K>,
  { metadata, quantizers }: SaveTokenizerOptions<K> = {},
): Promise<void> {
  const type = typeOf(config);
  assertOfConfig(tokenizer, config, type, quantizers ?? quantizerKinds);
  await writeModel(folder, { type, config, metadata }, variableTensors(tokenizer.namedVariables()));
}

/**
 * The tokenizer of a model's folder. Whoever loads it disposes of it.
 * @throws {DataError} when the folder holds no tokenizer or is damaged
 * @throws {ConfigError} naming every problem of its config at once
 * @throws {ShapeError} naming all missing, unexpected and mis-shaped tensors together; for a config
 *   whose model is much larger than what the folder holds, before it is built
 */
export async function loadTokenizer(
  folder: string,
  { quantizers = quantizerKinds }: TokenizerKinds<QuantizerKinds> = {},
): Promise<ViTVQ> {
  const opened = await openModel(folder);
  try {
    const configFile = join(folder, 'config.json');
    const { type } = opened;
    if (!isTokenizerType(type)) {
      throw new DataError({
        where: configFile,
        expected: `a tokenizer, of type ${Object.keys(builders).join(' or ')}`,
        got: JSON.stringify(type),
        fix: 'Transformers are loaded by @vitvq/stage2.',
      });
    }
    // Every weight is about to be replaced.
    const tokenizer = skipInitialization((key) => builders[type](opened.config, key, configFile, quantizers), opened);
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

function isTokenizerType(type: string): type is TokenizerType {
  return Object.hasOwn(builders, type);
}

/** Builds another tokenizer of the config, for a moment: what is written can be loaded. */
function assertOfConfig(tokenizer: ViTVQ, config: object, type: TokenizerType, kinds: QuantizerKinds): void {
  const where = 'saveTokenizer';
  const built = skipInitialization((key) => builders[type](config, key, where, kinds));
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
function facts({ grid, quantizer, output, pixelNormalization }: ViTVQ): Record<string, string> {
  const { codebookSize, codeDim, codeDepth, codebook } = quantizer;
  const normalized = codebook?.normalized;
  const shape = { grid, codebookSize, codeDim, codeDepth, normalized, codes: fixedCodes(quantizer) };
  return Object.fromEntries(
    Object.entries({ ...shape, output, pixelNormalization }).map(([name, value]) => [name, JSON.stringify(value)]),
  );
}

/** Number of codes that tell apart two quantizers without variables. */
const comparedCodes = 16;

/** Returns some codes of a quantizer without variables, whose config alone says what codes are. */
function fixedCodes(quantizer: Quantizer): number[] | undefined {
  if (quantizer.namedVariables().size > 0) return undefined;
  const { codebookSize, codeDepth } = quantizer;
  return tf.tidy(() => {
    const spread = (at: number): number => Math.round((at * (codebookSize - 1)) / (comparedCodes - 1));
    const indices = Array.from({ length: comparedCodes * codeDepth }, (_, at) => spread(Math.floor(at / codeDepth)));
    const shape = codeDepth === 1 ? [1, comparedCodes] : [1, comparedCodes, codeDepth];
    return [...quantizer.decode(tf.tensor<tf.Rank>(indices, shape, 'int32') as tf.Tensor2D).dataSync()];
  });
}
