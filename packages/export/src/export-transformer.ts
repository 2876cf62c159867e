import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { ConfigError } from '@vitvq/core';
import { exportOnnx } from '@vitvq/engine';
import type { OnnxInput } from '@vitvq/engine';
import { writeSlot } from '@vitvq/stage2';
import type { AutoregressiveModel, BlockCache, Conditioner, Conditions } from '@vitvq/stage2';
import type { ExportOptions, ExportResult } from './export-tokenizer.js';
import { assertPassed } from './internal/assert-passed.js';
import { partMetadata } from './internal/part-metadata.js';
import { writeExport } from './internal/write-export.js';
import type { ExportedCondition, ExportedGraph } from './manifest.js';
import { verifyExport } from './verify-export.js';

/** What tells condition tokens; undefined for a model that takes embeddings of a conditioner of one's own. */
export type ExportableConditioner = Pick<Conditioner, 'length' | 'vocabSize' | 'nullTokens' | 'description' | 'config'>;

/**
 * Writes `start.onnx` and `step.onnx` (with residual levels `predict.onnx` too), with which any program samples token by token,
 * and their entry in `vitvq.json`. The cache goes in and out of a step as plain tensors with a slot for every position. What a
 * tokenizer's export has written to the folder stays. Choosing tokens (temperature, top-k, guidance) is up to the program:
 * for guidance, conditions and null conditions are rows of one batch.
 * @throws {ConfigError} when the conditioner is not the model's
 * @throws {ExportError} when the files do not give what the model gives; they are not left behind
 */
export async function exportTransformer(
  model: AutoregressiveModel,
  conditioner: ExportableConditioner | undefined,
  folder: string,
  { weights = 'float32', metadata = {}, verify = {} }: ExportOptions = {},
): Promise<ExportResult> {
  const { grid, vocabSize, levels, conditionLength, conditionVocabSize, dim } = model;
  const condition = conditionOf(model, conditioner);
  const variables = model.namedVariables();
  const about = { grid, vocabSize, levels, condition, weights };

  const { manifest, checked } = await writeExport(
    folder,
    async (add) => {
      const write = async <Name extends string>(
        name: string,
        inputs: Record<Name, OnnxInput>,
        fn: (inputs: Record<Name, Tensor>) => Record<string, Tensor>,
      ): Promise<ExportedGraph> => {
        const notes = partMetadata(name, about, metadata);
        return add(
          `${name}.onnx`,
          await exportOnnx(fn, { name, inputs, variables, weights, metadata: notes }),
          weights,
        );
      };
      const predicted = (hidden: Tensor2D): Record<string, Tensor> =>
        levels === 1 ? { logits: logitsOf(model, hidden)[0]! } : { hidden };

      const conditions: OnnxInput =
        conditionVocabSize === undefined
          ? { shape: ['batch', conditionLength, dim], dtype: 'float32' }
          : { shape: ['batch', conditionLength], dtype: 'int32' };
      const start = await write('start', { conditions }, (inputs) => {
        const { hidden, cache } = model.start(inputs.conditions as Conditions, undefined, zero(), [slotsOf(model)]);
        return { ...predicted(hidden), ...namedCache('present', cache.blocks) };
      });
      const present = start.outputs.filter(({ name }) => name.startsWith('present.'));
      const cache = present.map(({ name }) => ({ past: name.replace('present', 'past'), present: name }));
      const past = present.map(({ shape, dtype }, index): [string, OnnxInput] => [
        cache[index]!.past,
        { shape: shape as OnnxInput['shape'], dtype },
      ]);
      const step = await write(
        'step',
        {
          tokens: { shape: ['batch', levels], dtype: 'int32' },
          count: { shape: [], dtype: 'int32' },
          ...(Object.fromEntries(past) as Record<string, OnnxInput>),
        },
        (inputs: Record<string, Tensor>) => {
          const count = inputs.count as Scalar;
          const blocks = blocksOf(inputs);
          const { hidden, added } = model.step(inputs.tokens as Tensor2D, count, { blocks });
          // Conditions stand in the first slots, then tokens.
          const slot = tf.add<Scalar>(count, tf.scalar(conditionLength - 1, 'int32'));
          const next = added.map(({ before, key, value }, index): BlockCache => {
            const [keys, values] = [blocks[index]!.keys[0]!, blocks[index]!.values[0]!];
            return { before, keys: [writeSlot(keys, key, slot)], values: [writeSlot(values, value, slot)] };
          });
          return { ...predicted(hidden), ...namedCache('present', next) };
        },
      );
      const predict =
        levels === 1
          ? undefined
          : await write(
              'predict',
              {
                hidden: { shape: ['batch', dim], dtype: 'float32' },
                tokens: { shape: ['batch', levels - 1], dtype: 'int32' },
              },
              ({ hidden, tokens }) => ({
                logits: tf.stack(logitsOf(model, hidden as Tensor2D, tokens as Tensor2D), 1),
              }),
            );
      return {
        transformer: { grid, vocabSize, levels, condition, start, step, predict, cache, metadata },
      };
    },
    async (staging) => {
      if (verify === false) return undefined;
      return assertPassed(await verifyExport(staging, { transformer: model }, verify), folder);
    },
  );
  return { manifest, report: checked };
}

const zero = (): Scalar => tf.scalar(0, 'int32');

/** All conditions and tokens but the last, which is never fed. */
function slotsOf({ conditionLength, grid }: AutoregressiveModel): number {
  return conditionLength + grid[0] * grid[1] - 1;
}

/** A cache of one segment a block by names such as `past.0.keys`. */
function namedCache(prefix: 'past' | 'present', blocks: readonly BlockCache[]): Record<string, Tensor> {
  const tensors: Record<string, Tensor> = {};
  for (const [index, { before, keys, values }] of blocks.entries()) {
    const name = `${prefix}.${index}`;
    tensors[`${name}.keys`] = keys[0]!;
    tensors[`${name}.values`] = values[0]!;
    if (before) tensors[`${name}.before`] = before;
  }
  return tensors;
}

/** The other way. */
function blocksOf(inputs: Readonly<Record<string, Tensor>>): BlockCache[] {
  const blocks: BlockCache[] = [];
  for (let index = 0; inputs[`past.${index}.keys`]; index++) {
    blocks.push({
      before: inputs[`past.${index}.before`] as Tensor2D | undefined,
      keys: [inputs[`past.${index}.keys`] as Tensor4D],
      values: [inputs[`past.${index}.values`] as Tensor4D],
    });
  }
  return blocks;
}

/** Logits `[B, V]` of each level, given the tokens of the levels above, `[B, L - 1]`. */
function logitsOf(model: AutoregressiveModel, hidden: Tensor2D, above?: Tensor2D): Tensor2D[] {
  const logits: Tensor2D[] = [];
  model.predict(hidden, (rows, level) => {
    logits.push(rows);
    // The last level's choice is seen by nothing.
    const known = above && level < above.shape[1] ? above : undefined;
    return known ? tf.squeeze<Tensor1D>(tf.slice(known, [0, level], [-1, 1]), [1]) : tf.argMax(rows, 1);
  });
  return logits;
}

/** What the manifest says of conditions. @throws {ConfigError} when the conditioner is not the model's */
function conditionOf(
  { conditionLength, conditionVocabSize }: AutoregressiveModel,
  conditioner: ExportableConditioner | undefined,
): ExportedCondition {
  const length = conditioner?.length ?? conditionLength;
  if (length !== conditionLength || conditioner?.vocabSize !== conditionVocabSize) {
    throw new ConfigError({
      where: 'exportTransformer',
      expected: `the model's conditioner, with ${conditionLength} tokens of ${conditionVocabSize ?? 'embeddings'}`,
      got: conditioner ? `one with ${length} tokens of ${conditioner.vocabSize}` : 'none',
    });
  }
  return {
    length,
    vocabSize: conditionVocabSize ?? null,
    nullTokens: [...(conditioner?.nullTokens ?? [])],
    meaning: { ...(conditioner?.config ?? conditioner?.description) },
  };
}
