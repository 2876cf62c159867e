import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { ConfigError, disposeOf, foldIn, parseOptions, randomKey, randomUniform } from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import { pick } from '@vitvq/layers';
import {
  haltonOrder,
  randomOrder,
  rankOf,
  rasterOrder,
  type AnyOrderModel,
  type Conditions,
  type ImageTokens,
} from '@vitvq/transformers';
import { z } from 'zod';
import { drawTokens, filteredProbabilities } from './filters.js';
import { guided, withUnconditional } from './internal/guided.js';
import { OrderFreeSampler, tokensOf, type WantedSteps } from './internal/order-free-sampler.js';
import { checkRequest, notFinite, partialTokens, scheduleValues, usedTopP } from './internal/request-checks.js';
import { SamplingVariables } from './internal/sampling-variables.js';
import type { OrderFreeSamplerOptions, PartialTokens, SampleOptions } from './sample-options.js';

const where = 'AnyOrderSampler';

/** Schema of `AnyOrderDecoding`; it fills in the defaults. */
export const anyOrderDecodingSchema = z.strictObject({
  tokensPerStep: z.int().min(1).default(1),
  order: z.enum(['random', 'halton', 'raster']).default('random'),
});

/** What every step reads; axis 0 is the step. */
interface RunTensors {
  /** int32 `[G, B, k]`: the positions of each step. */
  readonly positions: Tensor3D;
  /** int32 `[G, B, k]`, -1 for what is to be drawn. */
  readonly given: Tensor3D;
  /** `[G, B, k]` in [0, 1). */
  readonly noise: Tensor3D;
  /** `[G]`. */
  readonly temperature: Tensor1D;
  /** `[G]`, with guidance. */
  readonly guidance?: Tensor1D;
  readonly topP?: tf.Scalar;
}

/** Result of a step. */
interface DrawnGroup {
  /** int32 `[B, k]`; V, which is no token, where logits were NaN. */
  readonly tokens: Tensor2D;
  /** `[B, k, V]`, guided but not filtered, where they were asked for. */
  readonly logits?: Tensor3D;
}

/** What of a request makes another program. */
interface ProgramSettings {
  readonly images: number;
  readonly size: number;
  readonly guided: boolean;
  readonly topK: number | undefined;
  readonly usesTopP: boolean;
  readonly returnsLogits: boolean;
}

/** What a step made known. */
interface Step {
  readonly partial: PartialTokens;
  readonly drawn?: DrawnGroup;
  /** Positions of each image in their order. */
  readonly order: readonly Int32Array[];
  /** Place in the order of the first token of the step. */
  readonly start: number;
}

/** Images with what their tokens were drawn from. */
export interface OrderedSample {
  readonly tokens: ImageTokens;
  /** int32 `[B, N]`: the place of each position in its image's order. */
  readonly rank: Int32Array;
  /** int32 `[B, N]`: how many tokens of the order each position was predicted from. */
  readonly known: Int32Array;
  /** `[B, N, V]`, positions in raster order. */
  readonly logits: Float32Array;
}

/**
 * Samples images in any order of positions, one token or several a step, with a KV cache. The
 * distribution is that of the full forward pass in the same order; tokens of one step are drawn
 * without each other. Given tokens come first in the order, so that all others depend on them.
 *
 * A request runs one compiled function once a step, all steps in one go where nobody looks at them
 * in between. It compiles at the first request, and again
 * when the batch size, `topK`, the tokens a step, guidance or the use of `topP` changes. Handles
 * one request at a time.
 *
 * Ownership: `dispose()` the sampler; the model stays the caller's.
 */
export class AnyOrderSampler extends OrderFreeSampler<AnyOrderModel, GroupProgram, Step> {
  /** @throws {ConfigError} */
  constructor(model: AnyOrderModel, options: OrderFreeSamplerOptions = {}) {
    super(model, options, where);
  }

  /** Draws as {@link sample} does and returns the logits and the order too, for checks. */
  async sampleWithLogits(options: SampleOptions): Promise<OrderedSample> {
    const { vocabSize, grid } = this.model;
    const positions = grid[0] * grid[1];
    const images = options.seeds.length;
    const logits = new Float32Array(images * positions * vocabSize);
    const [rank, known] = [new Int32Array(images * positions), new Int32Array(images * positions)];
    let last: PartialTokens | undefined;
    for await (const { partial, drawn, order, start } of this.run(options, { logits: true })) {
      last = partial;
      if (!drawn) continue;
      const values = await drawn.logits!.data();
      const size = drawn.tokens.shape[1];
      for (let row = 0; row < images * size; row++) {
        const [image, place] = [Math.floor(row / size), start + (row % size)];
        if (place >= positions) continue;
        const at = image * positions + order[image]![place]!;
        logits.set(values.subarray(row * vocabSize, (row + 1) * vocabSize), at * vocabSize);
        known[at] = start;
      }
      order.forEach((each, image) => rank.set(rankOf(each), image * positions));
    }
    return { tokens: tokensOf(last!), rank, known, logits };
  }

  protected async *steps(
    options: SampleOptions,
    { logits: returnsLogits = false, stepByStep = false }: WantedSteps,
  ): AsyncGenerator<Step, void, undefined> {
    const { model } = this;
    const { tokensPerStep: size, order: kind } = parseOptions(
      anyOrderDecodingSchema,
      options.decoding ?? {},
      `${where} decoding`,
    );
    const request = await checkRequest(model, options, where);
    const { images, positions, known } = request;
    if (size > positions) {
      throw new ConfigError({
        where: `${where} decoding.tokensPerStep`,
        expected: `at most the ${positions} positions of an image`,
        got: String(size),
      });
    }
    const steps = Math.ceil(positions / size);
    const orders = options.seeds.map((seed, image) =>
      givenFirst(orderOf(kind, model, seed), known.subarray(image * positions, (image + 1) * positions)),
    );
    const settings: ProgramSettings = {
      images,
      size,
      guided: options.guidance !== undefined,
      topK: options.topK,
      usesTopP: usedTopP(options) !== undefined,
      returnsLogits,
    };
    const run = runTensors(options, orders, known, { steps, size, vocabSize: model.vocabSize });
    try {
      if (!known.includes(-1)) {
        yield { partial: partialTokens(request), order: orders, start: positions };
        return;
      }
      const program = this.programOf(settings, () => new GroupProgram(model, settings, this.compilation));
      await program.begin(options.conditions, options.guidance?.unconditional);
      const atOnce = stepByStep ? 1 : steps;
      for (let first = 0; first < steps; first += atOnce) {
        const drawnGroups = await program.steps(atOnce, run);
        try {
          for (const [index, drawn] of drawnGroups.entries()) {
            const tokens = await drawn.tokens.data();
            const start = (first + index) * size;
            for (let row = 0; row < images * size; row++) {
              const [image, place] = [Math.floor(row / size), start + (row % size)];
              if (place >= positions) continue;
              const position = orders[image]![place]!;
              if (tokens[row] === model.vocabSize) throw notFinite(image, position, where);
              known[image * positions + position] = tokens[row]!;
            }
            yield { partial: partialTokens(request), drawn, order: orders, start };
          }
        } finally {
          disposeOf(drawnGroups);
        }
      }
    } finally {
      disposeOf(run);
    }
  }
}

/** The compiled functions of one kind of request, and the images that they are at. */
class GroupProgram {
  readonly #settings: ProgramSettings;
  readonly #state: SamplingVariables;
  readonly #begin: CompiledFunction<(conditions: Conditions, unconditional?: Conditions) => tf.Tensor>;
  readonly #step: CompiledFunction<(run: RunTensors) => DrawnGroup>;

  constructor(
    model: AnyOrderModel,
    settings: ProgramSettings,
    { weights, precision }: Required<OrderFreeSamplerOptions>,
  ) {
    this.#settings = settings;
    const { size } = settings;
    const batch = settings.guided ? 2 * settings.images : settings.images;
    const state = new SamplingVariables(model.emptyGroupCache(batch, size), [batch, size]);
    this.#state = state;
    this.#begin = compile(
      (conditions: Conditions, unconditional?: Conditions) => {
        state.addFirst(model.readConditions(withUnconditional(conditions, unconditional)));
        state.count.assign(tf.scalar(0, 'int32'));
        return tf.scalar(0, 'int32');
      },
      { name: 'any-order sampling, conditions', variables: 'live', precision },
    );
    this.#step = compile((run: RunTensors) => drawGroup(model, settings, state, run), {
      name: `any-order sampling, ${size} token(s) a step`,
      variables: weights,
      precision,
      live: state.variables(),
    });
  }

  async begin(conditions: Conditions, unconditional: Conditions | undefined): Promise<void> {
    (await this.#begin(conditions, ...(this.#settings.guided ? [unconditional] : []))).dispose();
  }

  /** Runs so many steps in a row. */
  steps(count: number, run: RunTensors): Promise<DrawnGroup[]> {
    return this.#step.repeat(count, run);
  }

  dispose(): void {
    this.#begin.dispose();
    this.#step.dispose();
    this.#state.dispose();
  }
}

/** Reads the tokens of the step before, draws those of this one. */
function drawGroup(
  model: AnyOrderModel,
  { images, size, guided: isGuided, topK, returnsLogits }: ProgramSettings,
  state: SamplingVariables,
  run: RunTensors,
): DrawnGroup {
  const step = tf.clone(state.count);
  const before = tf.maximum<tf.Scalar>(tf.sub(step, tf.scalar(1, 'int32')), tf.scalar(0, 'int32'));
  const twice = (values: tf.Tensor): Tensor2D => (isGuided ? tf.concat([values, values], 0) : values) as Tensor2D;
  const count = tf.mul<tf.Scalar>(step, tf.scalar(size, 'int32'));
  const cache = state.cache(1);
  const { logits: all, added } = model.nextGroup(
    {
      tokens: state.tokens,
      positions: twice(pick(run.positions, before, 0)),
      next: twice(pick(run.positions, step, 0)),
      count,
    },
    cache,
  );
  state.add(added, tf.add(count, tf.scalar(model.conditionLength, 'int32')), 1);
  const temperature = pick(run.temperature, step, 0) as tf.Scalar;
  const scale = run.guidance && (pick(run.guidance, step, 0) as tf.Scalar);
  const logits = guided(all, scale); // [B, k, V]
  const rows = tf.reshape<tf.Rank.R2>(logits, [images * size, model.vocabSize]);
  const probabilities = filteredProbabilities(rows, { temperature, topK, topP: run.topP });
  const noise = tf.reshape<tf.Rank.R1>(pick(run.noise, step, 0), [images * size]);
  const drawn = tf.reshape<tf.Rank.R2>(drawTokens(probabilities, noise), [images, size]);
  const given = pick(run.given, step, 0) as Tensor2D;
  const tokens = tf.where<Tensor2D>(tf.greaterEqual(given, tf.scalar(0, 'int32')), given, drawn);
  // Can be looked up, whatever it is.
  state.tokens.assign(twice(tf.minimum(tokens, tf.scalar(model.vocabSize - 1, 'int32'))));
  state.count.assign(tf.add(step, tf.scalar(1, 'int32')));
  return { tokens, logits: returnsLogits ? logits : undefined };
}

/** Folded into the seed of an image, so that its order does not depend on its noise. */
const orderStream = 1;

function orderOf(kind: 'random' | 'halton' | 'raster', { grid }: AnyOrderModel, seed: number): Int32Array {
  const count = grid[0] * grid[1];
  if (kind === 'halton') return haltonOrder(grid);
  return kind === 'raster' ? rasterOrder(count) : randomOrder(foldIn(randomKey(seed), orderStream), count);
}

/** Returns the same order with the positions of given tokens before the others. */
function givenFirst(order: Int32Array, known: Int32Array): Int32Array {
  const isGiven = (position: number): boolean => known[position] !== -1;
  return Int32Array.of(...order.filter(isGiven), ...order.filter((position) => !isGiven(position)));
}

function runTensors(
  options: SampleOptions,
  orders: readonly Int32Array[],
  known: Int32Array,
  { steps, size, vocabSize }: { readonly steps: number; readonly size: number; readonly vocabSize: number },
): RunTensors {
  const images = orders.length;
  const positions = orders[0]!.length;
  const schedules = scheduleValues(options, steps, vocabSize, where);
  const topP = usedTopP(options);
  const noiseOf = options.seeds.map((seed) => randomUniform(randomKey(seed), positions));
  /** `[steps, B, k]` of what each position has; the last step is filled up with position 0. */
  const inOrder = (value: (image: number, position: number) => number): number[] =>
    Array.from({ length: steps * images * size }, (_, index) => {
      const [step, row] = [Math.floor(index / (images * size)), index % (images * size)];
      const image = Math.floor(row / size);
      return value(image, orders[image]![step * size + (row % size)] ?? 0);
    });
  const shape: [number, number, number] = [steps, images, size];
  return {
    positions: tf.tensor3d(
      inOrder((_, position) => position),
      shape,
      'int32',
    ),
    given: tf.tensor3d(
      inOrder((image, position) => known[image * positions + position]!),
      shape,
      'int32',
    ),
    noise: tf.tensor3d(
      inOrder((image, position) => noiseOf[image]![position]!),
      shape,
    ),
    temperature: tf.tensor1d(schedules.temperature),
    guidance: schedules.guidance && tf.tensor1d(schedules.guidance),
    topP: topP === undefined ? undefined : tf.scalar(topP),
  };
}
