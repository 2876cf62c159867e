import type { Tensor } from '@tensorflow/tfjs-core';
import { assertMembers, ConfigError } from '@vitvq/core';
import { exportOnnx, type OnnxInput } from '@vitvq/engine/onnx-export';
import {
  isAnyOrder,
  isMasked,
  type AnyConditioner,
  type AnyTokenModel,
  type AutoregressiveModel,
} from '@vitvq/transformers';
import { completeExportOptions, type ExportOptions, type ExportResult } from './export-options.js';
import { assertPassed } from './internal/assert-passed.js';
import { partMetadata } from './internal/part-metadata.js';
import { decodeStepFunction, predictFunction, prefillFunction } from './internal/sampling-functions.js';
import { writeExport } from './internal/write-export.js';
import type { ExportedCondition, ExportedGraph, ExportedTransformer } from './manifest.js';
import { verifyExport } from './verify-export.js';

/**
 * Writes `prefill.onnx` and `decode-step.onnx`, with which any program samples token by token (and
 * `predict.onnx` for a model with a code depth above 1), and their entry in `vitvq.json`. The KV
 * cache goes in and out of a step as plain tensors with room for every position. The files of a
 * tokenizer in the same folder stay. Choosing tokens (temperature, top-k, guidance) is up to the
 * program; for guidance, conditions and null conditions are rows of one batch.
 * @throws {ConfigError} for wrong options, for a model that is not one of raster order and so has
 *   no prefill and no decode step, and when the conditioner is not the model's, or the folder holds
 *   a tokenizer of other tokens
 * @throws {ExportError} when the files do not compute what the model computes; such files are
 *   removed
 */
export async function exportTransformer(
  model: AnyTokenModel,
  conditioner: AnyConditioner,
  folder: string,
  options: ExportOptions = {},
): Promise<ExportResult> {
  const where = 'exportTransformer';
  const { weights, metadata, verify } = completeExportOptions(options, where);
  assertMembers(model, ['grid', 'vocabSize', 'codeDepth', 'namedVariables'], 'the model', where);
  if (isMasked(model) || isAnyOrder(model)) {
    throw new ConfigError({
      where,
      expected: 'a model of raster order: the files hold its prefill and its decode step',
      got: isMasked(model) ? 'a masked model' : 'an any-order model',
      fix: 'Sample it with createSampler of @vitvq/sampling; export its tokenizer alone.',
    });
  }
  assertMembers(conditioner, ['length', 'description'], 'the conditioner', where);
  const { grid, vocabSize, codeDepth } = model;
  const condition = conditionOf(model, conditioner);
  const own = 'embed' in conditioner ? [...conditioner.namedVariables()] : [];
  const variables = new Map([
    ...model.namedVariables(),
    ...own.map(([name, variable]) => [`conditioner.${name}`, variable] as const),
  ]);
  // A text tokenizer may be large: it is in the manifest alone.
  const { tokenizer: _, ...meaning } = condition.meaning;
  const about = { grid, vocabSize, codeDepth, condition: { ...condition, meaning }, weights };
  return writeExport(
    folder,
    { part: 'transformer', shape: { grid, vocabSize, codeDepth } },
    async (add) => {
      const write: WriteGraph = async (name, fn, inputs) => {
        const notes = partMetadata(name, about, metadata);
        const onnx = await exportOnnx(fn, { name, inputs, variables, weights, metadata: notes });
        return add(`${name}.onnx`, onnx, weights);
      };
      const graphs = await writeGraphs(model, conditioner, condition, write);
      return { transformer: { grid, vocabSize, codeDepth, condition, ...graphs, measured: [], metadata } };
    },
    async (staging) => {
      if (verify === false) return undefined;
      return assertPassed(await verifyExport(staging, { transformer: model, conditioner }, verify), folder);
    },
  );
}

/** Translates a function of named tensors to ONNX and writes it as a file of that name. */
type WriteGraph = (
  name: string,
  fn: (inputs: Record<string, Tensor>) => Record<string, Tensor>,
  inputs: Record<string, OnnxInput>,
) => Promise<ExportedGraph>;

/** Writes the files of a transformer and returns their entries in the manifest. */
async function writeGraphs(
  model: AutoregressiveModel,
  conditioner: AnyConditioner,
  condition: ExportedCondition,
  write: WriteGraph,
): Promise<Pick<ExportedTransformer, 'prefill' | 'decodeStep' | 'predict' | 'cache'>> {
  const { codeDepth, dim } = model;
  const prefill = await write('prefill', prefillFunction(model, conditioner), {
    conditions:
      condition.input === 'tokens'
        ? { shape: ['batch', condition.length], dtype: 'int32' }
        : { shape: ['batch', ...condition.shape], dtype: 'float32' },
  });
  const present = prefill.outputs.filter(({ name }) => name.startsWith('present.'));
  const cache = present.map(({ name }) => ({ past: name.replace('present', 'past'), present: name }));
  const past = present.map(({ shape, dtype }, index): [string, OnnxInput] => [
    cache[index]!.past,
    { shape: shape as OnnxInput['shape'], dtype },
  ]);
  const decodeStep = await write('decode-step', decodeStepFunction(model), {
    tokens: { shape: ['batch', codeDepth], dtype: 'int32' },
    count: { shape: [], dtype: 'int32' },
    ...Object.fromEntries(past),
  });
  if (codeDepth === 1) return { prefill, decodeStep, cache };
  const predict = await write('predict', predictFunction(model), {
    hidden: { shape: ['batch', dim], dtype: 'float32' },
    tokens: { shape: ['batch', codeDepth - 1], dtype: 'int32' },
  });
  return { prefill, decodeStep, predict, cache };
}

/**
 * Returns the manifest's entry of the conditions.
 * @throws {ConfigError} when the conditioner is not the model's
 */
function conditionOf(
  { conditionLength, conditionVocabSize, dim }: AutoregressiveModel,
  conditioner: AnyConditioner,
): ExportedCondition {
  const { length, description } = conditioner;
  const embeds = 'embed' in conditioner;
  const fits = embeds
    ? conditionVocabSize === undefined && conditioner.dim === dim
    : conditionVocabSize !== undefined && conditioner.vocabSize <= conditionVocabSize;
  if (!fits || length !== conditionLength) {
    const tokens =
      conditionVocabSize === undefined ? `embeddings of width ${dim}` : `tokens below ${conditionVocabSize}`;
    throw new ConfigError({
      where: 'exportTransformer',
      expected: `the model's conditioner, with ${conditionLength} ${tokens}`,
      got: `one with ${length} ${embeds ? `embeddings of width ${conditioner.dim}` : `tokens below ${conditioner.vocabSize}`}`,
    });
  }
  if (embeds) {
    const { inputShape, nullInput } = conditioner;
    return { input: 'numbers', shape: inputShape, nullInput: [...nullInput], meaning: description };
  }
  const { vocabSize, nullTokens, config } = conditioner;
  return { input: 'tokens', length, vocabSize, nullTokens: [...nullTokens], meaning: { ...(config ?? description) } };
}
