import * as tf from '@tensorflow/tfjs-core';
import {
  assertInteger,
  checkOptions,
  foldIn,
  randomInts,
  randomKey,
  randomNormal,
  type OptionTable,
} from '@vitvq/core';
import { compile } from '@vitvq/engine';
import {
  isAnyOrder,
  isMasked,
  type AnyOrderModel,
  type AnyTokenModel,
  type AutoregressiveModel,
  type Conditions,
  type ImageTokens,
  type MaskedModel,
  type TokenModel,
} from '@vitvq/transformers';
import { AnyOrderSampler } from './any-order-sampler.js';
import { MaskedSampler } from './masked-sampler.js';
import { guided, withUnconditional } from './internal/guided.js';
import type { Decoding, SampleOptions, SamplerOptions } from './sample-options.js';
import { Sampler } from './sampler.js';

/** Options of {@link verifySampler}. */
export interface VerifyOptions {
  /** @default as many as conditions, or 2 */
  readonly images?: number;
  /** Of conditions, tokens and noise. @default 0 */
  readonly seed?: number;
  /** Conditions of the images. @default drawn at random */
  readonly conditions?: Conditions;
  /** Of the sampler that is verified. */
  readonly sampler?: SamplerOptions;
  /**
   * Guidance of the sampler, whose guided logits are then compared. @default none
   */
  readonly guidance?: { readonly scale: number; readonly unconditional: Conditions };
  /** How a masked or any-order model decodes. @default that of the model's sampler */
  readonly decoding?: Decoding;
  /**
   * Positions that are computed again by a full pass that does not know what follows.
   * @default 16, evenly spread
   */
  readonly positions?: number;
  /** Largest difference that passes, relative to the largest logit. @default 1e-4 */
  readonly tolerance?: number;
}

const verifyOptionNames: OptionTable<VerifyOptions> = {
  images: 'optional',
  seed: 'optional',
  conditions: 'optional',
  sampler: 'optional',
  guidance: 'optional',
  decoding: 'optional',
  positions: 'optional',
  tolerance: 'optional',
};

/** Differences that {@link verifySampler} found. */
export interface SamplerReport {
  readonly passed: boolean;
  /**
   * Largest difference between the logits that the sampler drew from and those of a full forward
   * pass over the sampled tokens.
   */
  readonly cached: number;
  /**
   * Largest difference between full passes with others in the place of what is not known yet, and
   * that pass.
   */
  readonly full: number;
  readonly largestLogit: number;
  /** Largest difference that passes. */
  readonly allowed: number;
  /** How many logits were compared. */
  readonly compared: { readonly cached: number; readonly full: number };
}

/**
 * Samples and compares the logits that tokens were drawn from with those of the full forward pass:
 * once over the sampled tokens (teacher-forced), and once with everything that is not known yet
 * replaced by other tokens, which proves that no position sees ahead. All must agree up to
 * rounding, for any weights, trained or not. Any-order and masked models are verified with the
 * order and the steps of their `decoding`.
 */
export async function verifySampler(model: AnyTokenModel, options: VerifyOptions = {}): Promise<SamplerReport> {
  checkOptions(options, verifyOptionNames, 'verifySampler');
  const { images = options.conditions?.shape[0] ?? 2, seed = 0, positions = 16, tolerance = 1e-4 } = options;
  assertInteger(images, 'images', 'verifySampler');
  assertInteger(positions, 'positions', 'verifySampler');
  const { guidance } = options;
  const conditions = options.conditions ? tf.clone(options.conditions) : drawConditions(model, images, seed);
  const all = tf.clone(withUnconditional(conditions, guidance?.unconditional));
  const request: Request = {
    conditions: all,
    images,
    seed,
    positions,
    sampler: options.sampler ?? {},
    sample: {
      conditions,
      seeds: Array.from({ length: images }, (_, index) => seed + index),
      decoding: options.decoding,
      guidance,
    },
    pass: guidedPass(guidance),
  };
  try {
    const found = await differencesOf(model, request);
    const allowed = tolerance * Math.max(found.largestLogit, Number.MIN_VALUE);
    return { ...found, allowed, passed: found.cached <= allowed && found.full <= allowed };
  } finally {
    tf.dispose([conditions, all]);
  }
}

interface Request {
  /** Of the full forward pass. */
  readonly conditions: Conditions;
  readonly images: number;
  readonly seed: number;
  /** How many positions are computed again. */
  readonly positions: number;
  readonly sampler: SamplerOptions;
  readonly sample: SampleOptions;
  readonly pass: GuidedPass;
}

/** Full forward pass of a model under guidance: of conditions and, after them, those of none. */
interface GuidedPass {
  readonly twice: <T extends tf.Tensor>(tokens: T) => T;
  readonly logits: <T extends tf.Tensor>(logits: T) => T;
}

function guidedPass(guidance: VerifyOptions['guidance']): GuidedPass {
  return {
    twice: (tokens) => (guidance ? tf.concat([tokens, tokens], 0) : tokens),
    logits: (logits) => guided(logits, guidance && tf.scalar(guidance.scale)),
  };
}

type Differences = Omit<SamplerReport, 'passed' | 'allowed'>;

function differencesOf(model: AnyTokenModel, request: Request): Promise<Differences> {
  if (isMasked(model)) return maskedDifferences(model, request);
  return isAnyOrder(model) ? anyOrderDifferences(model, request) : rasterDifferences(model, request);
}

async function rasterDifferences(
  model: AutoregressiveModel,
  { conditions, images, seed, positions, sampler: samplerOptions, sample, pass }: Request,
): Promise<Differences> {
  const sampler = new Sampler(model, samplerOptions);
  const forward = compile(
    (given: Conditions, tokens: ImageTokens) => tf.tidy(() => pass.logits(model.logits(given, pass.twice(tokens)))),
    { name: 'full forward pass' },
  );
  let sampled: { tokens: ImageTokens; logits: tf.Tensor } | undefined;
  try {
    sampled = await sampler.sampleWithLogits(sample);
    const { tokens, logits } = sampled;
    const read = (values: ArrayLike<number>): Promise<Float32Array> =>
      readDisposing(values, tokens.shape, (tensor) => forward(conditions, tensor as ImageTokens));
    const original = await tokens.data();
    const teacherForced = await read(original);
    const cached = (await logits.data()) as Float32Array;
    const total = model.grid[0] * model.grid[1];
    const row = model.codeDepth * model.vocabSize;
    let full = 0;
    const checked = spread(positions, total);
    for (const position of checked) {
      // The position's own levels see each other: what comes after it is replaced.
      const others = otherTokens(seed, position, original.length, model.vocabSize);
      const values = await read(
        original.map((token, at) => (Math.floor(at / model.codeDepth) % total > position ? others[at]! : token)),
      );
      for (let image = 0; image < images; image++) {
        const start = (image * total + position) * row;
        full = Math.max(full, largestDifference(values, teacherForced, start, start + row));
      }
    }
    return {
      cached: largestDifference(cached, teacherForced),
      full,
      largestLogit: largest(teacherForced),
      compared: { cached: cached.length, full: checked.length * images * row },
    };
  } finally {
    tf.dispose(sampled ? [sampled.tokens, sampled.logits] : []);
    sampler.dispose();
    forward.dispose();
  }
}

async function anyOrderDifferences(
  model: AnyOrderModel,
  { conditions, images, seed, positions, sampler: samplerOptions, sample, pass }: Request,
): Promise<Differences> {
  const sampler = new AnyOrderSampler(model, samplerOptions);
  const forward = compile(
    (given: Conditions, tokens: tf.Tensor2D, rank: tf.Tensor2D, known: tf.Tensor2D) =>
      tf.tidy(() => {
        const places = { rank: pass.twice(rank), known: pass.twice(known) };
        return pass.logits(model.orderedLogits(given, pass.twice(tokens), places));
      }),
    { name: 'full forward pass' },
  );
  const held: tf.Tensor[] = [];
  try {
    const { tokens, logits, ...order } = await sampler.sampleWithLogits(sample);
    held.push(tokens);
    const shape = tokens.shape as [number, number];
    const [rank, known] = [order.rank, order.known].map((values) => tf.tensor2d(values, shape, 'int32')) as [
      tf.Tensor2D,
      tf.Tensor2D,
    ];
    held.push(rank, known);
    const read = (values: ArrayLike<number>): Promise<Float32Array> =>
      readDisposing(values, shape, (tensor) => forward(conditions, tensor as tf.Tensor2D, rank, known));
    const original = await tokens.data();
    const teacherForced = await read(original);
    const total = shape[1];
    let full = 0;
    const checked = spread(positions, total);
    for (const place of checked) {
      // Positions that are predicted from no more than `place` tokens must not see the others.
      const others = otherTokens(seed, place, original.length, model.vocabSize);
      const values = await read(original.map((token, at) => (order.rank[at]! >= place ? others[at]! : token)));
      for (let at = 0; at < images * total; at++) {
        if (order.known[at]! > place) continue;
        const start = at * model.vocabSize;
        full = Math.max(full, largestDifference(values, teacherForced, start, start + model.vocabSize));
      }
    }
    return {
      cached: largestDifference(logits, teacherForced),
      full,
      largestLogit: largest(teacherForced),
      compared: { cached: logits.length, full: checked.length * images * total * model.vocabSize },
    };
  } finally {
    tf.dispose(held);
    sampler.dispose();
    forward.dispose();
  }
}

async function maskedDifferences(
  model: MaskedModel,
  { conditions, seed, sampler: samplerOptions, sample, pass }: Request,
): Promise<Differences> {
  const sampler = new MaskedSampler(model, samplerOptions);
  const forward = compile(
    (given: Conditions, tokens: tf.Tensor2D, known: tf.Tensor2D) =>
      tf.tidy(() => pass.logits(model.maskedLogits(given, pass.twice(tokens), pass.twice(known)))),
    { name: 'full forward pass' },
  );
  const sampled = await sampler.sampleWithLogits(sample);
  try {
    const original = await sampled.tokens.data();
    const found = { cached: 0, full: 0, largestLogit: 0, compared: { cached: 0, full: 0 } };
    for (const [index, step] of sampled.steps.entries()) {
      const known = tf.tensor2d(step.known, sampled.tokens.shape as [number, number], 'int32');
      try {
        const read = (values: ArrayLike<number>): Promise<Float32Array> =>
          readDisposing(values, known.shape, (tensor) => forward(conditions, tensor as tf.Tensor2D, known));
        // The sampled tokens stand where the sampler had none yet: what is unknown must not count.
        const teacherForced = await read(original);
        const others = otherTokens(seed, index, original.length, model.vocabSize);
        const replaced = await read(original.map((token, at) => (step.known[at] === 1 ? token : others[at]!)));
        found.cached = Math.max(found.cached, largestDifference(step.logits, teacherForced));
        found.full = Math.max(found.full, largestDifference(replaced, teacherForced));
        found.largestLogit = Math.max(found.largestLogit, largest(teacherForced));
        found.compared.cached += step.logits.length;
        found.compared.full += replaced.length;
      } finally {
        known.dispose();
      }
    }
    return found;
  } finally {
    sampled.tokens.dispose();
    sampler.dispose();
    forward.dispose();
  }
}

/** Runs a forward pass on tokens and returns the logits; disposes of what it makes. */
async function readDisposing(
  tokens: ArrayLike<number>,
  shape: readonly number[],
  forward: (tokens: tf.Tensor) => Promise<tf.Tensor>,
): Promise<Float32Array> {
  const tensor = tf.tensor(Int32Array.from(tokens), [...shape], 'int32');
  try {
    const logits = await forward(tensor);
    const values = Float32Array.from(await logits.data());
    logits.dispose();
    return values;
  } finally {
    tensor.dispose();
  }
}

/** Returns `count` of the numbers 0 to `total - 1`, evenly spread, or all of them. */
function spread(count: number, total: number): number[] {
  const checked = Math.min(count, total);
  return Array.from({ length: checked }, (_, index) =>
    checked === 1 ? total - 1 : Math.round((index * (total - 1)) / (checked - 1)),
  );
}

function otherTokens(seed: number, position: number, count: number, vocabSize: number): Int32Array {
  return randomInts(foldIn(foldIn(randomKey(seed), 0), position), count, vocabSize);
}

function drawConditions(model: TokenModel, images: number, seed: number): Conditions {
  const { conditionLength, conditionVocabSize, dim } = model;
  const key = foldIn(randomKey(seed), 1);
  if (conditionVocabSize === undefined) {
    const values = randomNormal(key, images * conditionLength * dim);
    return tf.tensor3d(values, [images, conditionLength, dim]);
  }
  const tokens = randomInts(key, images * conditionLength, conditionVocabSize);
  return tf.tensor2d(tokens, [images, conditionLength], 'int32');
}

function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/**
 * Returns the largest difference of a stretch of two arrays; Infinity where a value is not a
 * number, so that it never passes.
 */
function largestDifference(a: Float32Array, b: Float32Array, start = 0, end = a.length): number {
  let most = 0;
  for (let index = start; index < end; index++) {
    const difference = Math.abs(a[index]! - b[index]!);
    most = Math.max(most, Number.isNaN(difference) ? Infinity : difference);
  }
  return most;
}
