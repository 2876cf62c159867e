import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import {
  concatenate,
  disposeOf,
  foldIn,
  parseOptions,
  randomKey,
  randomUniform,
  split,
  type RandomKey,
} from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import { haltonOrder, rankOf, type Conditions, type ImageTokens, type MaskedModel } from '@vitvq/transformers';
import { z } from 'zod';
import { drawTokens, filteredProbabilities } from './filters.js';
import { guided, withUnconditional } from './internal/guided.js';
import { OrderFreeSampler, tokensOf, type WantedSteps } from './internal/order-free-sampler.js';
import {
  checkRequest,
  notFinite,
  partialTokens,
  scheduleValues,
  unknownCounts,
  usedTopP,
  type CheckedRequest,
} from './internal/request-checks.js';
import type { OrderFreeSamplerOptions, PartialTokens, SampleOptions } from './sample-options.js';

const where = 'MaskedSampler';

/** Schema of `MaskedDecoding`; it fills in the defaults. */
export const maskedDecodingSchema = z
  .strictObject({
    steps: z.int().min(1).default(12),
    choice: z.enum(['confidence', 'random', 'halton']).default('confidence'),
    choiceTemperature: z.number().min(0).optional(),
  })
  .refine(({ choice, choiceTemperature }) => choice === 'confidence' || choiceTemperature === undefined, {
    path: ['choiceTemperature'],
    error: "expected none without choice 'confidence', which alone is noisy",
  });

/** MaskGIT's, for ImageNet at 256x256. */
const defaultChoiceTemperature = 4.5;

/** Arguments of a step. */
interface StepTensors {
  readonly conditions: Conditions;
  readonly unconditional?: Conditions;
  /** int32 `[B, N]`; any token where it is not known. */
  readonly tokens: Tensor2D;
  /** int32 `[B, N]`, 1 where the token is known. */
  readonly known: Tensor2D;
  /** `[B, N]` in [0, 1). */
  readonly noise: Tensor2D;
  readonly temperature: Scalar;
  readonly guidance?: Scalar;
  readonly topP?: Scalar;
}

/** Tokens that were drawn for all positions at once. */
interface DrawnTokens {
  /** int32 `[B, N]`; V, which is no token, where logits were NaN. */
  readonly tokens: Tensor2D;
  /** `[B, N]`: logarithm of the probability that each was drawn with. */
  readonly confidence: Tensor2D;
  /** `[B, N, V]`, guided but not filtered, where they were asked for. */
  readonly logits?: Tensor3D;
}

type StepFunction = CompiledFunction<(given: StepTensors) => DrawnTokens>;

/** What a step made known. */
interface Step {
  readonly partial: PartialTokens;
  readonly step?: MaskedStep;
}

/** A step of {@link MaskedSampler.sampleWithLogits}. */
export interface MaskedStep {
  /** int32 `[B, N]`: 1 where a token was known before the step. */
  readonly known: Int32Array;
  /** `[B, N, V]`. */
  readonly logits: Float32Array;
}

/**
 * Samples images of a masked model in a few steps (MaskGIT, arXiv:2202.04200, section 3.2): each
 * step predicts all unknown tokens at once, draws one for each, and keeps some of them; the others
 * are unknown again. The tokens of one step are drawn without each other, which is why more steps
 * give better images.
 *
 * Confidence is the probability of a token after temperature, filters and guidance; the paper has
 * no filters.
 *
 * Compiles at the first request, and again when the batch size, `topK`, guidance or the use of
 * `topP` changes. Handles one request at a time.
 *
 * Ownership: `dispose()` the sampler; the model stays the caller's.
 */
export class MaskedSampler extends OrderFreeSampler<MaskedModel, StepFunction, Step> {
  /** @throws {ConfigError} */
  constructor(model: MaskedModel, options: OrderFreeSamplerOptions = {}) {
    super(model, options, where);
  }

  /** Draws as {@link sample} does and returns what every step saw and predicted, for checks. */
  async sampleWithLogits(
    options: SampleOptions,
  ): Promise<{ readonly tokens: ImageTokens; readonly steps: readonly MaskedStep[] }> {
    const steps: MaskedStep[] = [];
    let last: PartialTokens | undefined;
    for await (const { partial, step } of this.run(options, { logits: true })) {
      last = partial;
      if (step) steps.push(step);
    }
    return { tokens: tokensOf(last!), steps };
  }

  protected async *steps(
    options: SampleOptions,
    { logits: returnsLogits = false }: WantedSteps,
  ): AsyncGenerator<Step, void, undefined> {
    const { model } = this;
    const {
      steps,
      choice,
      choiceTemperature = defaultChoiceTemperature,
    } = parseOptions(maskedDecodingSchema, options.decoding ?? {}, `${where} decoding`);
    const request = await checkRequest(model, options, where);
    const { images, positions, known } = request;
    const unknownAtFirst = unknownCounts(request);
    if (!known.includes(-1)) {
      yield { partial: partialTokens(request) };
      return;
    }
    const schedules = scheduleValues(options, steps, model.vocabSize, where);
    const draw = this.#stepFor(options, returnsLogits);
    const haltonRank = choice === 'halton' ? rankOf(haltonOrder(model.grid)) : undefined;
    for (let step = 0; step < steps && known.includes(-1); step++) {
      const keys = options.seeds.map((seed) => split(foldIn(randomKey(seed), step)) as [RandomKey, RandomKey]);
      const before = Int32Array.from(known, (token) => Number(token !== -1));
      const given = stepTensors(options, request, {
        noise: keys.map(([drawKey]) => randomUniform(drawKey, positions)),
        temperature: schedules.temperature[step]!,
        guidance: schedules.guidance?.[step],
      });
      let drawn: DrawnTokens | undefined;
      try {
        drawn = await draw(given);
        const [tokens, confidence] = [await drawn.tokens.data(), await drawn.confidence.data()];
        const noiseScale = choiceTemperature * (1 - (step + 1) / steps);
        for (let image = 0; image < images; image++) {
          const start = image * positions;
          const noise = randomUniform(keys[image]![1], positions);
          const scoreOf = (position: number): number => {
            if (haltonRank) return -haltonRank[position]!;
            if (choice === 'random') return noise[position]!;
            return confidence[start + position]! + noiseScale * gumbel(noise[position]!);
          };
          const left = unknownAfter(unknownAtFirst[image]!, step + 1, steps);
          for (const position of bestUnknown(known.subarray(start, start + positions), left, scoreOf)) {
            if (tokens[start + position] === model.vocabSize) throw notFinite(image, position, where);
            known[start + position] = tokens[start + position]!;
          }
        }
        const logits = drawn.logits && Float32Array.from(await drawn.logits.data());
        yield { partial: partialTokens(request), step: logits && { known: before, logits } };
      } finally {
        disposeOf(drawn);
        disposeOf(given.held);
      }
    }
  }

  #stepFor({ guidance, topK, topP, seeds }: SampleOptions, returnsLogits: boolean): StepFunction {
    const { model } = this;
    const { weights, precision } = this.compilation;
    const settings = [seeds.length, guidance !== undefined, topK, usedTopP({ topP }) !== undefined, returnsLogits];
    return this.programOf(settings, () =>
      compile((given: StepTensors) => drawAll(model, given, topK, returnsLogits), {
        name: 'masked sampling, step',
        variables: weights,
        precision,
      }),
    );
  }
}

/** Draws a token for every position, known ones too. */
function drawAll(
  model: MaskedModel,
  { conditions, unconditional, tokens, known, noise, temperature, guidance, topP }: StepTensors,
  topK: number | undefined,
  returnsLogits: boolean,
): DrawnTokens {
  const [images, positions] = tokens.shape;
  const twice = (values: Tensor2D): Tensor2D => (unconditional ? tf.concat([values, values], 0) : values);
  const both = withUnconditional(conditions, unconditional);
  const logits = guided(model.maskedLogits(both, twice(tokens), twice(known)), guidance);
  const rows = tf.reshape<tf.Rank.R2>(logits, [images * positions, model.vocabSize]);
  const probabilities = filteredProbabilities(rows, { temperature, topK, topP });
  const drawn = drawTokens(probabilities, tf.reshape<tf.Rank.R1>(noise, [images * positions]));
  // V, which is no token, has the confidence of the last one: it is found before it is used.
  const chosen = tf.minimum<tf.Tensor1D>(drawn, tf.scalar(model.vocabSize - 1, 'int32'));
  const probability = tf.sum(tf.mul(probabilities, tf.oneHot(chosen, model.vocabSize)), 1);
  return {
    tokens: tf.reshape(drawn, [images, positions]),
    confidence: tf.reshape(tf.log(probability), [images, positions]),
    logits: returnsLogits ? logits : undefined,
  };
}

function stepTensors(
  options: SampleOptions,
  { images, positions, known }: CheckedRequest,
  {
    noise,
    temperature,
    guidance,
  }: { readonly noise: readonly Float32Array[]; readonly temperature: number; readonly guidance: number | undefined },
): StepTensors & { readonly held: object } {
  const shape: [number, number] = [images, positions];
  const topP = usedTopP(options);
  const held = {
    tokens: tf.tensor2d(
      known.map((token) => Math.max(0, token)),
      shape,
      'int32',
    ),
    known: tf.tensor2d(
      known.map((token) => Number(token !== -1)),
      shape,
      'int32',
    ),
    noise: tf.tensor2d(concatenate(noise, Float32Array), shape),
    temperature: tf.scalar(temperature),
    ...(guidance !== undefined && { guidance: tf.scalar(guidance) }),
    ...(topP !== undefined && { topP: tf.scalar(topP) }),
  };
  return {
    ...held,
    conditions: options.conditions,
    ...(options.guidance && { unconditional: options.guidance.unconditional }),
    held,
  };
}

/**
 * Returns how many of so many tokens are unknown after a step: the cosine schedule, with at least
 * one token made known in every step.
 */
function unknownAfter(atFirst: number, step: number, steps: number): number {
  return step >= steps ? 0 : Math.min(Math.floor(atFirst * Math.cos((Math.PI / 2) * (step / steps))), atFirst - step);
}

/** Returns the unknown positions of the highest scores, so many that `left` stay unknown. */
function bestUnknown(known: Int32Array, left: number, scoreOf: (position: number) => number): number[] {
  const unknown = [...known.keys()].filter((position) => known[position] === -1);
  const scores = new Map(unknown.map((position) => [position, scoreOf(position)]));
  const ordered = unknown.toSorted((a, b) => scores.get(b)! - scores.get(a)! || a - b);
  return ordered.slice(0, Math.max(0, unknown.length - Math.max(0, left)));
}

/** Returns the standard Gumbel number of a uniform one. */
function gumbel(uniform: number): number {
  return -Math.log(-Math.log(Math.max(uniform, 1e-20)));
}
