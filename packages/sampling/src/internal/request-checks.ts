import {
  assertInteger,
  assertTokensInRange,
  ConfigError,
  DataError,
  elementCount,
  formatShape,
  ShapeError,
} from '@vitvq/core';
import type { Conditions, ImageTokens, TokenModel } from '@vitvq/transformers';
import { assertFilters, clampTemperature, clampTopP } from '../filters.js';
import type { PartialTokens, SampleOptions, SamplingSchedule } from '../sample-options.js';

/** What every sampler needs of a request that was checked. */
export interface CheckedRequest {
  readonly images: number;
  readonly positions: number;
  /** `[B, N]` or `[B, N, L]`. */
  readonly shape: readonly number[];
  /** The tokens in host memory, -1 for those that are not known yet; sampling fills them in. */
  readonly known: Int32Array;
}

/**
 * Checks conditions, seeds, filters and given tokens of a call.
 * @throws {ConfigError} for filters and seeds that cannot work
 * @throws {ShapeError} for conditions or given tokens of another shape
 * @throws {DataError} for conditions or given tokens out of range
 */
export async function checkRequest(model: TokenModel, options: SampleOptions, where: string): Promise<CheckedRequest> {
  const { seeds, topK, topP, guidance } = options;
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
  return { images, positions, shape, known: await givenTokens(options.given, shape, model.vocabSize, where) };
}

/** Returns how many tokens each image still lacks. */
export function unknownCounts({ images, positions, known }: CheckedRequest): number[] {
  return Array.from({ length: images }, (_, image) =>
    known.subarray(image * positions, (image + 1) * positions).reduce((sum, token) => sum + Number(token === -1), 0),
  );
}

/** Returns what is known of the images of a request, as streams yield it. */
export function partialTokens(request: CheckedRequest): PartialTokens {
  const { positions, shape, known } = request;
  return { count: positions - Math.max(...unknownCounts(request)), shape, tokens: known.slice() };
}

/** Schedules of a call as numbers, one for each position or step. */
export interface ScheduleValues {
  readonly temperature: Float32Array;
  /** With guidance. */
  readonly guidance: Float32Array | undefined;
}

/** Returns the values of the schedules. @throws {ConfigError} for values that cannot work */
export function scheduleValues(
  { temperature = 1, guidance }: SampleOptions,
  count: number,
  vocabSize: number,
  where: string,
): ScheduleValues {
  return {
    temperature: overSteps(temperature, count, (value) => {
      assertFilters({ temperature: value }, vocabSize, where);
      return clampTemperature(value);
    }),
    guidance: guidance && overSteps(guidance.scale, count, (value) => assertScale(value, where)),
  };
}

/** Returns `topP` as programs take it; undefined where it keeps all tokens. */
export function usedTopP({ topP }: Pick<SampleOptions, 'topP'>): number | undefined {
  return topP === undefined || topP === 1 ? undefined : clampTopP(topP);
}

/** Returns the error of a token that could not be drawn. */
export function notFinite(image: number, position: number, where: string): DataError {
  return new DataError({
    where,
    expected: 'logits that are numbers',
    got: `NaN for position ${position} of image ${image}`,
    fix: 'Weights or condition embeddings hold NaN or infinity: take an earlier checkpoint, or look at what embeds.',
  });
}

/** Throws unless the conditions fit the model. */
async function assertConditions(
  conditions: Conditions,
  images: number,
  { conditionLength, conditionVocabSize, dim }: TokenModel,
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

function assertScale(scale: number, where: string): number {
  if (!Number.isFinite(scale)) {
    throw new ConfigError({ where, expected: 'guidance.scale to be finite', got: String(scale) });
  }
  return scale;
}

/** Returns the values of a schedule at every position or step. */
function overSteps(schedule: SamplingSchedule, count: number, check: (value: number) => number): Float32Array {
  return Float32Array.from({ length: count }, (_, step) =>
    check(typeof schedule === 'number' ? schedule : schedule(count === 1 ? 0 : step / (count - 1))),
  );
}
