import * as tf from '@tensorflow/tfjs-core';
import { concatenate, ConfigError, randomKey, randomUniform } from '@vitvq/core';
import type { AutoregressiveModel, Conditions } from '@vitvq/transformers';
import type { SampleOptions } from '../sample-options.js';
import { checkRequest, scheduleValues, usedTopP, type CheckedRequest } from './request-checks.js';
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
export interface SamplingRequest extends Pick<CheckedRequest, 'shape' | 'known'> {
  readonly settings: ProgramSettings;
  /** The caller disposes of them. */
  readonly tensors: RunTensors;
  readonly conditions: Conditions;
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
  const { seeds, topK, guidance } = options;
  if (options.decoding) {
    throw new ConfigError({
      where,
      expected: 'no decoding for a model of raster order',
      got: JSON.stringify(options.decoding),
      fix: 'Leave it out, or take a masked or an any-order model.',
    });
  }
  const { images, positions, shape, known } = await checkRequest(model, options, where);
  const schedules = scheduleValues(options, positions, model.vocabSize, where);
  const topP = usedTopP(options);
  const perImage = seeds.map((seed) => randomUniform(randomKey(seed), positions * model.codeDepth));
  const tensors = tf.tidy(() => {
    const noise = tf.tensor3d(concatenate(perImage, Float32Array), [images, positions, model.codeDepth]);
    const given = tf.tensor3d(known, [images, positions, model.codeDepth], 'int32');
    return {
      // Positions first: a step picks its own.
      noise: tf.transpose(noise, [1, 0, 2]),
      given: tf.transpose(given, [1, 0, 2]),
      temperature: tf.tensor1d(schedules.temperature),
      guidance: schedules.guidance && tf.tensor1d(schedules.guidance),
      topP: topP === undefined ? undefined : tf.scalar(topP),
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
