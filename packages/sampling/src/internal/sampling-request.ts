import * as tf from '@tensorflow/tfjs-core';
import {
  assertInteger,
  assertTokensInRange,
  concatenate,
  ConfigError,
  elementCount,
  formatShape,
  randomKey,
  randomUniform,
  ShapeError,
} from '@vitvq/core';
import type { AutoregressiveModel, Conditions, ImageTokens } from '@vitvq/transformers';
import { assertFilters, clampTemperature, clampTopP } from '../filters.js';
import type { SampleOptions, SamplingSchedule } from '../sample-options.js';
import type { RunTensors } from './sampling-program.js';

/** What of a request makes another program. */
export interface ProgramSettings {
  readonly images: number;
  readonly guided: boolean;
  readonly topK: number | undefined;
  readonly usesTopP: boolean;
  readonly returnsLogits: boolean;
}

/** A checked request. */
export interface SamplingRequest {
  readonly settings: ProgramSettings;
  /** `[B, N]` or `[B, N, L]`. */
  readonly shape: readonly number[];
  /** The caller disposes of them. */
  readonly tensors: RunTensors;
  readonly conditions: Conditions;
  /** The tokens in host memory, -1 for those that are not known yet; sampling fills them in. */
  readonly known: Int32Array;
  /** Positions at the start that are known in all images. */
  readonly prefix: number;
}

/**
 * Checks the options of a call and makes the tensors that all of its steps read.
 * @throws {ConfigError} for filters, seeds and schedules that cannot work
 * @throws {ShapeError} for conditions or given tokens of another shape
 * @throws {DataError} for conditions or given tokens out of range
 */
export async function samplingRequest(
  model: AutoregressiveModel,
  options: SampleOptions,
  returnsLogits: boolean,
): Promise<SamplingRequest> {
  const where = 'Sampler.sample';
  const { seeds, temperature = 1, topK, topP, guidance } = options;
  const images = seeds.length;
  const positions = model.grid[0] * model.grid[1];
  assertInteger(images, 'the number of seeds', where);
  assertFilters({ topK, topP }, model.vocabSize, where);
  await assertConditions(options.conditions, images, model, where, 'conditions');
  if (guidance) {
    await assertConditions(guidance.unconditional, images, model, where, 'guidance.unconditional');
    if (guidance.unconditional.rank !== options.conditions.rank) {
      throw new ShapeError({
        where,
        expected: 'conditions and guidance.unconditional of one kind, both tokens or both embeddings',
        got: `${formatShape(options.conditions.shape)} and ${formatShape(guidance.unconditional.shape)}`,
      });
    }
  }
  const shape = model.codeDepth === 1 ? [images, positions] : [images, positions, model.codeDepth];
  const known = await givenTokens(options.given, shape, model.vocabSize, where);
  const temperatures = overPositions(temperature, positions, (value) => {
    assertFilters({ temperature: value }, model.vocabSize, where);
    return clampTemperature(value);
  });
  const scales = guidance && overPositions(guidance.scale, positions, (value) => assertScale(value, where));
  const perImage = seeds.map((seed) => randomUniform(randomKey(seed), positions * model.codeDepth));
  const tensors = tf.tidy(() => {
    const noise = tf.tensor3d(concatenate(perImage, Float32Array), [images, positions, model.codeDepth]);
    const given = tf.tensor3d(known, [images, positions, model.codeDepth], 'int32');
    return {
      // Positions first: a step picks its own.
      noise: tf.transpose(noise, [1, 0, 2]),
      given: tf.transpose(given, [1, 0, 2]),
      temperature: tf.tensor1d(temperatures),
      guidance: scales && tf.tensor1d(scales),
      topP: topP === undefined || topP === 1 ? undefined : tf.scalar(clampTopP(topP)),
    } as Record<string, tf.Tensor>;
  }) as unknown as RunTensors;
  const { conditions } = options;
  return {
    settings: { images, guided: guidance !== undefined, topK, usesTopP: tensors.topP !== undefined, returnsLogits },
    shape,
    tensors: guidance ? { ...tensors, unconditional: tf.clone(guidance.unconditional) } : tensors,
    conditions,
    known,
    prefix: knownPrefix(known, images, positions, model.codeDepth),
  };
}

/** Throws unless the conditions fit the model. */
async function assertConditions(
  conditions: Conditions,
  images: number,
  { conditionLength, conditionVocabSize, dim }: AutoregressiveModel,
  where: string,
  name: string,
): Promise<void> {
  const isTokens = conditions.rank === 2;
  const expected = isTokens ? [images, conditionLength] : [images, conditionLength, dim];
  if (formatShape(conditions.shape) !== formatShape(expected)) {
    throw new ShapeError({
      where,
      expected: `${name} of shape ${formatShape(expected)}, a row for each of ${images} seeds`,
      got: formatShape(conditions.shape),
    });
  }
  if (isTokens && conditionVocabSize !== undefined) {
    assertTokensInRange(await conditions.data(), conditions.shape, conditionVocabSize, name, where);
  }
}

/** Known tokens in host memory, -1 for those that are not; a copy that sampling fills. */
async function givenTokens(
  given: ImageTokens | undefined,
  shape: readonly number[],
  vocabSize: number,
  where: string,
): Promise<Int32Array> {
  if (!given) return new Int32Array(elementCount(shape)).fill(-1);
  if (formatShape(given.shape) !== formatShape(shape)) {
    throw new ShapeError({
      where,
      expected: `given tokens of shape ${formatShape(shape)}, -1 where they are not known`,
      got: formatShape(given.shape),
    });
  }
  const values = Int32Array.from(await given.data());
  // -1 stands for a token that is not known.
  assertTokensInRange(
    values.map((token) => (token === -1 ? 0 : token)),
    shape,
    vocabSize,
    'given tokens',
    where,
  );
  return values;
}

/** How many positions at the start are known in all images, on all levels. */
function knownPrefix(known: Int32Array, images: number, positions: number, codeDepth: number): number {
  for (let position = 0; position < positions; position++) {
    for (let image = 0; image < images; image++) {
      const start = (image * positions + position) * codeDepth;
      if (known.subarray(start, start + codeDepth).includes(-1)) return position;
    }
  }
  return positions;
}

function assertScale(scale: number, where: string): number {
  if (!Number.isFinite(scale)) {
    throw new ConfigError({ where, expected: 'guidance.scale to be finite', got: String(scale) });
  }
  return scale;
}

/** The values of a schedule at every position. */
function overPositions(schedule: SamplingSchedule, positions: number, check: (value: number) => number): Float32Array {
  return Float32Array.from({ length: positions }, (_, position) =>
    check(typeof schedule === 'number' ? schedule : schedule(positions === 1 ? 0 : position / (positions - 1))),
  );
}
