import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D, Variable } from '@tensorflow/tfjs-core';
import { DataError, assertTokensInRange, type ImageOrCodeBatch } from '@vitvq/core';
import type { Conditions, TokenModel } from '../token-model.js';
import type { AnyConditioner } from './conditioner.js';

/** Of some images, row-major: condition tokens, or numbers that are embedded. */
export type ConditionValues = Int32Array | Float32Array;

/** What a training needs of either kind of conditioner. */
export interface ConditionInput {
  /** Values an image. */
  readonly size: number;
  /** What stands for no condition where there is no other. */
  readonly nullValues: ConditionValues;
  /** Returns what stands for no condition in place of each of some conditions, as many values. */
  readonly nullOf: (values: ConditionValues) => ConditionValues;
  ofBatch(batch: ImageOrCodeBatch): ConditionValues | Promise<ConditionValues>;
  /** @throws {DataError} for values that cannot be, of so many images */
  assertValues(values: ConditionValues, images: number, where: string): void;
  /** An argument of compiled functions, for {@link embed}. */
  tensor(values: ConditionValues): Tensor;
  /** What the model takes. Plain tfjs code, which compiles. */
  embed(input: Tensor): Conditions;
  /** The conditioner's own. */
  namedVariables(): Map<string, Variable>;
}

/** Returns a uniform view of a conditioner of either kind. */
export function conditionInput(conditioner: AnyConditioner): ConditionInput {
  if (!('embed' in conditioner)) {
    const { length, vocabSize, nullTokens } = conditioner;
    return {
      size: length,
      nullValues: nullTokens,
      nullOf: (tokens) => repeat(nullTokens, tokens.length / length),
      ofBatch: (batch) => conditioner.ofBatch(batch),
      assertValues: (tokens, images, where) =>
        assertTokensInRange(tokens, [images, length], vocabSize, 'conditions', where),
      tensor: (tokens) => tf.tensor2d(tokens, [tokens.length / length, length], 'int32'),
      embed: (tokens) => tokens as Tensor2D,
      namedVariables: () => new Map(),
    };
  }
  const { inputShape, keepsPadding = false } = conditioner;
  const size = inputShape.reduce((product, dimension) => product * dimension, 1);
  return {
    size,
    // Not read once: weights that are loaded may change it.
    get nullValues() {
      return conditioner.nullInput;
    },
    nullOf: (values) => {
      const nulls = repeat(conditioner.nullInput, values.length / size);
      return keepsPadding ? paddedAs(nulls, values, inputShape.at(-1)!) : nulls;
    },
    ofBatch: (batch) => conditioner.ofBatch(batch),
    assertValues: (values, _images, where) => {
      const at = values.findIndex((value) => !Number.isFinite(value));
      if (at === -1) return;
      throw new DataError({
        where,
        expected: 'conditions to be finite numbers',
        got: `${values[at]} for image ${Math.floor(at / size)} of the batch`,
      });
    },
    tensor: (values) => tf.tensor(values, [values.length / size, ...inputShape], 'float32'),
    embed: (input) => conditioner.embed(input),
    namedVariables: () => conditioner.namedVariables(),
  };
}

/** Returns an array that holds the given values `count` times. */
export function repeat<T extends Int32Array | Float32Array>(values: T, count: number): T {
  const repeated = new (values.constructor as new (length: number) => T)(count * values.length);
  for (let index = 0; index < count; index++) repeated.set(values, index * values.length);
  return repeated;
}

/** Sets those vectors of `width` numbers to zero that are zeros in other values. */
function paddedAs(vectors: Float32Array, others: ConditionValues, width: number): Float32Array {
  for (let start = 0; start < vectors.length; start += width) {
    const isPadding = others.subarray(start, start + width).every((value) => value === 0);
    if (isPadding) vectors.fill(0, start, start + width);
  }
  return vectors;
}

/** The model's variables, and those of a conditioner that embeds, after `conditioner.`. */
export function variablesWithConditioner(
  model: Pick<TokenModel, 'namedVariables'>,
  conditioner: AnyConditioner,
): Map<string, Variable> {
  const own = [...conditionInput(conditioner).namedVariables()];
  return new Map([
    ...model.namedVariables(),
    ...own.map(([name, variable]) => [`conditioner.${name}`, variable] as const),
  ]);
}
