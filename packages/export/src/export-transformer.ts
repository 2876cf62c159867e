import { assertInteger, assertMembers, checkOptions, ConfigError } from '@vitvq/core';
import { exportOnnx } from '@vitvq/engine/onnx-export';
import { isAnyOrder, type AnyConditioner, type AnyTokenModel } from '@vitvq/transformers';
import {
  completeExportOptions,
  transformerExportOptionNames,
  type ExportResult,
  type TransformerExportOptions,
} from './export-options.js';
import { assertPassed } from './internal/assert-passed.js';
import { partMetadata } from './internal/part-metadata.js';
import { transformerKind } from './internal/transformer-kind.js';
import { writeExport } from './internal/write-export.js';
import { writeTransformer, type WriteGraph } from './internal/write-transformer.js';
import type { ExportedCondition } from './manifest.js';
import { verifyExport } from './verify-export.js';

/**
 * Writes the files with which any program samples, and their entry in `vitvq.json`. The files of a
 * tokenizer in the same folder stay. Choosing tokens (temperature, top-k, guidance) is up to the
 * program; for guidance, conditions and null conditions are rows of one batch.
 *
 * - Models of raster order: `prefill.onnx` and `decode-step.onnx`, token by token, and
 *   `predict.onnx` with a code depth above 1.
 * - Masked models: `masked-logits.onnx`, all positions given the tokens that are known.
 * - Any-order models: `prefill.onnx` and `decode-step.onnx`, which take the positions of each step.
 *
 * A KV cache goes in and out of a step as plain tensors with room for every position.
 * @throws {ConfigError} for wrong options, and when the conditioner is not the model's, or the
 *   folder holds a tokenizer of other tokens
 * @throws {ExportError} when the files do not compute what the model computes; such files are
 *   removed
 */
export async function exportTransformer(
  model: AnyTokenModel,
  conditioner: AnyConditioner,
  folder: string,
  options: TransformerExportOptions = {},
): Promise<ExportResult> {
  const where = 'exportTransformer';
  const { tokensPerStep: asked, ...common } = checkOptions(options, transformerExportOptionNames, where);
  const { weights, metadata, verify } = completeExportOptions(common, where);
  assertMembers(model, ['grid', 'vocabSize', 'codeDepth', 'namedVariables'], 'the model', where);
  const tokensPerStep = completeTokensPerStep(asked, model, where);
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
  const kind = transformerKind(model);
  const about = { kind, grid, vocabSize, codeDepth, condition: { ...condition, meaning }, tokensPerStep, weights };
  return writeExport(
    folder,
    { part: 'transformer', shape: { grid, vocabSize, codeDepth } },
    async (add) => {
      const write: WriteGraph = async (name, fn, inputs) => {
        const notes = partMetadata(name, about, metadata);
        const onnx = await exportOnnx(fn, { name, inputs, variables, weights, metadata: notes });
        return add(`${name}.onnx`, onnx, weights);
      };
      const graphs = await writeTransformer(model, conditioner, { condition, tokensPerStep }, write);
      return { transformer: { ...graphs, grid, vocabSize, codeDepth, condition, measured: [], metadata } };
    },
    async (staging) => {
      if (verify === false) return undefined;
      return assertPassed(await verifyExport(staging, { transformer: model, conditioner }, verify), folder);
    },
  );
}

/**
 * Returns how many tokens a step of an any-order model draws; undefined for other models.
 * @throws {ConfigError} for a number that no step can have, and where there are no such steps
 */
function completeTokensPerStep(asked: number | undefined, model: AnyTokenModel, where: string): number | undefined {
  if (isAnyOrder(model)) {
    const tokensPerStep = asked ?? 1;
    assertInteger(tokensPerStep, 'tokensPerStep', where, 1, model.grid[0] * model.grid[1]);
    return tokensPerStep;
  }
  if (asked === undefined) return undefined;
  throw new ConfigError({
    where,
    expected: 'no tokensPerStep, which only files of any-order models have',
    got: String(asked),
    fix: 'Leave it out.',
  });
}

/**
 * Returns the manifest's entry of the conditions.
 * @throws {ConfigError} when the conditioner is not the model's
 */
function conditionOf(
  { conditionLength, conditionVocabSize, dim }: AnyTokenModel,
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
    const { inputShape, nullInput, keepsPadding = false } = conditioner;
    return {
      input: 'numbers',
      shape: inputShape,
      nullInput: [...nullInput],
      ...(keepsPadding && { nullKeepsPadding: true }),
      meaning: description,
    };
  }
  const { vocabSize, nullTokens, config } = conditioner;
  return { input: 'tokens', length, vocabSize, nullTokens: [...nullTokens], meaning: { ...(config ?? description) } };
}
