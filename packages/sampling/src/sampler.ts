import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor3D } from '@tensorflow/tfjs-core';
import {
  assertInteger,
  ConfigError,
  DataError,
  formatShape,
  randomKey,
  randomUniform,
  ShapeError,
  disposeOf,
  assertTokensInRange,
} from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import type { AutoregressiveModel, Conditions, ImageTokens } from '@vitvq/transformers';
import { assertFilters, clampTemperature, clampTopP, type FilterOptions } from './filters.js';
import { SamplingProgram, type Drawn, type RunTensors } from './internal/sampling-program.js';
import { SamplingVariables } from './internal/sampling-variables.js';

/** A number, or a function of how far an image is: 0 at its first token, 1 at its last. */
export type Schedule = number | ((progress: number) => number);

/**
 * Classifier-free guidance (Ho and Salimans 2022): logits become u + scale (c - u), with c given
 * the image's condition and u given the one that stands for no condition. Costs as much as twice
 * the batch.
 */
export interface Guidance {
  /** 1 is no guidance; above 1, images follow their condition more closely. */
  readonly scale: Schedule;
  /**
   * What stands for no condition, in the shape of the conditions: the token that conditions were
   * dropped for in training.
   */
  readonly unconditional: Conditions;
}

export type SampleOptions = Omit<FilterOptions, 'temperature'> & {
  /** int32 `[B, C]` or embeddings `[B, C, D]`: one row an image. Not consumed. */
  readonly conditions: Conditions;
  /**
   * One an image, integers in [0, 2^53). An image depends on its own seed and condition, not on its
   * batch mates.
   */
  readonly seeds: readonly number[];
  /** Above 0. @default 1 */
  readonly temperature?: Schedule;
  /** @default none */
  readonly guidance?: Guidance;
  /**
   * Known tokens, int32 `[B, N]` (`[B, N, L]`), with -1 where a token is to be drawn. Those at the
   * start of all images are read in one forward pass (completion). Others are set when their turn
   * comes, so that tokens drawn before them do not depend on them (in-painting, as far as raster
   * order allows).
   */
  readonly given?: ImageTokens;
};

/** An image in the making. */
export interface PartialTokens {
  /** Positions that are known, given ones included. */
  readonly count: number;
  /** `[B, N]` or `[B, N, L]`. */
  readonly shape: readonly number[];
  /** -1 from position `count` on. */
  readonly tokens: Int32Array;
}

/** Options of a {@link Sampler}. */
export interface SamplerOptions {
  /**
   * Attention runs over the smallest of these numbers of slots (conditions and tokens) that holds
   * what is there. Each is a compiled program with a copy of the weights; the whole sequence is
   * always among them.
   * @default a half and all of the slots, from 128 slots on; else all of them
   */
  readonly lengths?: readonly number[];
  /**
   * `frozen`: weights are constants of the programs, which is faster; `live`: they are shared,
   * which for large models saves much memory. @default 'frozen'
   */
  readonly weights?: 'frozen' | 'live';
}

/** What of a request makes another program. */
interface Settings {
  readonly images: number;
  readonly guided: boolean;
  readonly topK: number | undefined;
  readonly usesTopP: boolean;
  readonly returnsLogits: boolean;
}

/** A checked request on the way. */
interface Run {
  readonly settings: Settings;
  readonly shape: readonly number[];
  readonly tensors: RunTensors;
  readonly conditions: Conditions;
  readonly known: Int32Array;
  /** Positions at the start that are known in all images. */
  readonly prefix: number;
}

type StartArguments = [Conditions, Tensor3D | undefined, Scalar, RunTensors];

/** Compiled functions of one kind of request, and the images that they are at. */
interface Programs {
  readonly key: string;
  readonly program: SamplingProgram;
  readonly state: SamplingVariables;
  /** By the number of given tokens. */
  readonly starts: Map<number, CompiledFunction<(...values: StartArguments) => Drawn>>;
  /** By the number of segments of the cache. */
  readonly steps: Map<number, CompiledFunction<(run: RunTensors) => Drawn>>;
}

/** Positions that the engine is asked for at once, where nobody waits for each of them. */
const stepsAtOnce = 8;

/**
 * Samples images token by token with a KV cache. The distribution is that of the full forward pass.
 * Each step is one compiled function of fixed shapes that also filters and draws. Compiles at the
 * first request, and again when the batch size, `topK`, guidance or the use of `topP` changes;
 * keeps only the programs of the last kind of request. Handles one request at a time.
 *
 * Ownership: `dispose()` the sampler; the model stays the caller's.
 */
export class Sampler {
  readonly model: AutoregressiveModel;
  /** Slots of the cache's segments. */
  readonly #segments: readonly number[];
  readonly #weights: 'frozen' | 'live';
  #programs: Programs | undefined;
  #isBusy = false;

  /** @throws {ConfigError} */
  constructor(model: AutoregressiveModel, { lengths, weights = 'frozen' }: SamplerOptions = {}) {
    const where = 'Sampler';
    for (const length of lengths ?? []) assertInteger(length, 'each of lengths', where);
    this.model = model;
    this.#weights = weights;
    // The last token is never fed.
    const slots = model.conditionLength + model.grid[0] * model.grid[1] - 1;
    const wanted = lengths ?? (slots < 128 ? [] : [Math.ceil(slots / 2)]);
    const ends = [...new Set([...wanted.filter((length) => length < slots), slots])].sort((a, b) => a - b);
    this.#segments = ends.map((end, index) => end - (ends[index - 1] ?? 0));
  }

  /**
   * Whole images.
   * @returns int32 `[B, N]` (`[B, N, L]`), the caller's to dispose of
   * @throws {ConfigError} for filters, seeds and schedules that cannot work
   * @throws {ShapeError} for conditions or given tokens of another shape
   * @throws {DataError} for conditions or given tokens out of range, and when logits are NaN
   */
  async sample(options: SampleOptions): Promise<ImageTokens> {
    let last: PartialTokens | undefined;
    for await (const { partial } of this.#run(options, { stepsAtOnce })) last = partial;
    const { tokens, shape } = last!;
    return toTensor(tokens, shape);
  }

  /**
   * The same, position by position: yields what is known after the given prefix, if there is one,
   * and after every position. Leaving the loop early frees what it holds.
   */
  async *stream(options: SampleOptions): AsyncGenerator<PartialTokens, void, undefined> {
    for await (const { partial } of this.#run(options, { stepsAtOnce: 1 })) yield partial;
  }

  /**
   * As {@link sample}, with the logits that tokens were drawn from; for checks and analyses.
   * @returns  besides the tokens, `start`: how many positions at the beginning were given in all
   *   images, and `logits` `[B, N - start, V]` (`[B, N - start, L, V]`) of those after them
   * @throws {ConfigError} also when all tokens are given
   */
  async sampleWithLogits(options: SampleOptions): Promise<{ tokens: ImageTokens; start: number; logits: tf.Tensor }> {
    const rows: tf.Tensor[] = [];
    let last: PartialTokens | undefined;
    try {
      for await (const { partial, logits } of this.#run(options, { stepsAtOnce, returnsLogits: true })) {
        last = partial;
        if (logits) rows.push(tf.tensor((await logits.data()).slice(), logits.shape));
      }
      const { tokens, shape } = last!;
      if (rows.length === 0) {
        throw new ConfigError({
          where: 'Sampler.sampleWithLogits',
          expected: 'a position to draw',
          got: 'given tokens for all of them',
          fix: 'model.logits(conditions, tokens) has the logits of tokens that are known.',
        });
      }
      const stacked = tf.tidy(() => {
        const all = tf.stack(rows, 1); // [B, N, L, V]
        return this.model.codeDepth === 1 ? tf.squeeze(all, [2]) : all;
      });
      return { tokens: toTensor(tokens, shape), start: shape[1]! - rows.length, logits: stacked };
    } finally {
      tf.dispose(rows);
    }
  }

  /** Frees the compiled programs and the cache; the sampler can be used again. */
  dispose(): void {
    if (!this.#programs) return;
    const { starts, steps, state } = this.#programs;
    for (const compiled of [...starts.values(), ...steps.values()]) compiled.dispose();
    state.dispose();
    this.#programs = undefined;
  }

  async *#run(
    options: SampleOptions,
    { stepsAtOnce, returnsLogits = false }: { readonly stepsAtOnce: number; readonly returnsLogits?: boolean },
  ): AsyncGenerator<{ partial: PartialTokens; logits?: tf.Tensor }, void, undefined> {
    if (this.#isBusy) {
      throw new ConfigError({
        where: 'Sampler',
        expected: 'one request at a time',
        got: 'a second one',
        fix: 'Await the first, or make another sampler.',
      });
    }
    this.#isBusy = true;
    let run: Run | undefined;
    // What the engine was asked for: once more than what is waited for, so that it never waits for
    // this thread.
    const coming: Promise<Drawn[]>[] = [];
    let ready: Drawn[] = [];
    let drawn: Drawn | undefined;
    try {
      run = await this.#prepare(options, returnsLogits);
      const { known, shape, prefix, tensors, settings } = run;
      const { codeDepth } = this.model;
      const positions = shape[1]!;
      const partial = (count: number): PartialTokens => {
        const tokens = known.map((token, index) => (Math.floor(index / codeDepth) % positions < count ? token : -1));
        return { count, shape, tokens };
      };
      if (prefix > 0) yield { partial: partial(prefix) };
      const programs = this.#programsFor(settings);
      for (let count = prefix, asked = prefix + 1; count < positions; count++) {
        if (count === prefix) {
          ready = [await this.#start(programs, run)];
        } else if (ready.length === 0) {
          while (coming.length < 2 && asked < positions) {
            const steps = Math.min(stepsAtOnce, this.#stepsFrom(asked - 1));
            const request = this.#step(programs, asked - 1, steps, tensors);
            request.catch(() => undefined); // thrown when its turn comes
            coming.push(request);
            asked += steps;
          }
          ready = await coming.shift()!;
        }
        drawn = ready.shift()!;
        const tokens = await drawn.tokens.data();
        for (let image = 0; image < settings.images; image++) {
          const from = tokens.subarray(image * codeDepth, (image + 1) * codeDepth);
          if (from.includes(this.model.vocabSize)) throw notFinite(image, count);
          known.set(from, (image * positions + count) * codeDepth);
        }
        yield { partial: partial(count + 1), logits: drawn.logits };
        disposeOf(drawn);
        drawn = undefined;
      }
    } finally {
      disposeOf([drawn, ready]);
      for (const request of coming) disposeOf(await request.catch(() => undefined));
      disposeOf(run?.tensors);
      this.#isBusy = false;
    }
  }

  /** Reads conditions and known tokens, draws the first position that is not known. */
  async #start({ starts, program, state }: Programs, run: Run): Promise<Drawn> {
    const { conditions, known, shape, prefix, settings, tensors } = run;
    const { conditionLength, codeDepth } = this.model;
    const positions = shape[1]!;
    // Padded with tokens that nothing sees, so that one program serves all prefixes of about this
    // length.
    const padded =
      prefix === 0 ? 0 : Math.min(this.#lengthAt(conditionLength + prefix - 1) - conditionLength, positions - 1);
    let compiled = starts.get(padded);
    if (!compiled) {
      compiled = compile((...values: StartArguments) => program.start(state, ...values), {
        name: `sampling, start from ${padded} tokens`,
        // It runs once an image, and shares its weights.
        variables: 'live',
      });
      starts.set(padded, compiled);
    }
    const given = tf.tidy(() => {
      if (prefix === 0) return undefined;
      const tokens = tf.tensor3d(known, [settings.images, positions, codeDepth], 'int32');
      return tf.maximum<Tensor3D>(tf.slice(tokens, [0, 0, 0], [-1, padded, -1]), tf.scalar(0, 'int32'));
    });
    const count = tf.scalar(prefix, 'int32');
    try {
      return await compiled(conditions, given, count, tensors);
    } finally {
      disposeOf([given, count]);
    }
  }

  /**
   * Adds position `last`, which was drawn before, and draws the next one; and so on, `count` times.
   */
  #step({ steps, program, state }: Programs, last: number, count: number, tensors: RunTensors): Promise<Drawn[]> {
    const segments = this.#segmentsFor(last);
    let compiled = steps.get(segments);
    if (!compiled) {
      compiled = compile((run: RunTensors) => program.step(state, segments, run), {
        name: `sampling, step of ${this.#slotsOf(segments)} slots`,
        variables: this.#weights,
        live: state.variables(),
      });
      steps.set(segments, compiled);
    }
    return compiled.repeat(count, tensors);
  }

  /** How many of the segments hold the slot of a position and all before it. */
  #segmentsFor(position: number): number {
    const slot = this.model.conditionLength + position;
    return 1 + this.#segments.findIndex((_, index) => slot < this.#slotsOf(index + 1));
  }

  /** How many positions from this one on the same program adds. */
  #stepsFrom(position: number): number {
    return this.#slotsOf(this.#segmentsFor(position)) - (this.model.conditionLength + position);
  }

  /** Slots of the first segments. */
  #slotsOf(segments: number): number {
    return this.#segments.slice(0, segments).reduce((sum, size) => sum + size, 0);
  }

  /** The fewest slots of whole segments that have `slot`. */
  #lengthAt(slot: number): number {
    const ends = this.#segments.map((_, index) => this.#slotsOf(index + 1));
    return ends.find((end) => slot < end) ?? ends.at(-1)!;
  }

  #programsFor(settings: Settings): Programs {
    const key = JSON.stringify(settings);
    if (this.#programs?.key !== key) {
      this.dispose();
      const program = new SamplingProgram(this.model, settings);
      const { images, guided } = settings;
      const state = new SamplingVariables(this.model, guided ? 2 * images : images, this.#segments);
      this.#programs = { key, program, state, starts: new Map(), steps: new Map() };
    }
    return this.#programs;
  }

  /** Checks a request, and makes its tensors. */
  async #prepare(options: SampleOptions, returnsLogits: boolean): Promise<Run> {
    const where = 'Sampler.sample';
    const { model } = this;
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
      const noise = tf.tensor3d(joinArrays(perImage), [images, positions, model.codeDepth]);
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
}

function notFinite(image: number, position: number): DataError {
  return new DataError({
    where: 'Sampler',
    expected: 'logits that are numbers',
    got: `NaN for position ${position} of image ${image}`,
    fix: 'Weights or condition embeddings hold NaN or infinity: take an earlier checkpoint, or look at what embeds.',
  });
}

function toTensor(tokens: Int32Array, shape: readonly number[]): ImageTokens {
  const tensor: tf.Tensor = tf.tensor(tokens, [...shape], 'int32');
  return tensor as ImageTokens;
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
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  if (!given) return new Int32Array(size).fill(-1);
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
function overPositions(schedule: Schedule, positions: number, check: (value: number) => number): Float32Array {
  return Float32Array.from({ length: positions }, (_, position) =>
    check(typeof schedule === 'number' ? schedule : schedule(positions === 1 ? 0 : position / (positions - 1))),
  );
}

function joinArrays(arrays: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(arrays.reduce((size, { length }) => size + length, 0));
  arrays.reduce((at, array) => {
    joined.set(array, at);
    return at + array.length;
  }, 0);
  return joined;
}
