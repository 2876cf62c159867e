import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, checkOptions, ConfigError, type OptionTable } from '@vitvq/core';
import { compile } from '@vitvq/engine';
import { AttentiveProbe } from './attentive-probe.js';
import { measureClassifier, type Classification } from './classification.js';
import type { LabelledFeatures } from './feature-set.js';
import { assertFeatures, assertTrainable } from './internal/assert-features.js';
import { penalized, penaltyOf, type PathPoint } from './internal/fit-path.js';
import { minimize, type Evaluation } from './internal/lbfgs.js';
import { standardizationOf } from './internal/standardization.js';
import type { Standardization } from './softmax-probe.js';
import {
  chooseFromPath,
  sweepOptionNames,
  sweepPlan,
  type RegularizationSweep,
  type SweepOptions,
  type SweepPlan,
} from './sweep-regularization.js';

/** Tokens of one block in three parts of a data set, each `[count, N · D]`. */
export interface AttentionSets {
  readonly train: LabelledFeatures;
  readonly validation: LabelledFeatures;
  readonly test: LabelledFeatures;
}

/** Options of {@link probeByAttention}. */
export interface AttentionOptions extends SweepOptions {
  /** Number of tokens of a sample, N. */
  readonly tokens: number;
}

/** The result of a probe on tokens that are pooled by attention. */
export interface AttentionProbeResult extends RegularizationSweep<AttentiveProbe> {
  readonly test: Classification;
}

const setNames: OptionTable<AttentionSets> = { train: 'required', validation: 'required', test: 'required' };

const optionNames: OptionTable<AttentionOptions> = { ...sweepOptionNames, tokens: 'required' };

const where = 'probeByAttention';

/**
 * Trains a softmax layer on tokens that are pooled by attention to one learned query, in place of
 * the paper's average over tokens. The first search starts from the average; query, weights and
 * bias are learned together, by the same search and with the same choice of the penalty as in
 * `probeBlocks`. The minimum need not be unique, but the search is deterministic. All tokens of the
 * training samples are on the engine at once.
 * @param sets  from `collectTokens`
 * @throws {ConfigError} for options out of range, and tokens that do not divide the features
 * @throws {ShapeError} @throws {DataError} as `fitSoftmaxProbe`, for all sets
 */
export async function probeByAttention(sets: AttentionSets, options: AttentionOptions): Promise<AttentionProbeResult> {
  const { train, validation, test } = checkOptions(sets, setNames, `${where}, sets`);
  const { tokens, ...sweepOptions } = checkOptions(options, optionNames, where);
  const plan = sweepPlan(sweepOptions, where);
  assertInteger(tokens, 'tokens', where);
  assertTrainable(train, plan.classes, `${where}, train`);
  for (const set of [validation, test]) assertFeatures(set, plan.classes, where);
  if (train.dim % tokens !== 0) {
    throw new ConfigError({ where, expected: `tokens to divide ${train.dim} features`, got: String(tokens) });
  }
  const measured = (probe: AttentiveProbe, { dim, data, labels }: LabelledFeatures): Classification =>
    measureClassifier(labels, plan.classes, (start, end) =>
      probe.logits({ dim, data: data.subarray(start * dim, end * dim) }),
    );
  const path = attentionPath(train, tokens, plan);
  const sweep = await chooseFromPath(path, (probe) => measured(probe, validation), train.block);
  return { ...sweep, test: measured(sweep.probe, test) };
}

/** Minimises for each penalty, from the strongest on, from the end of the search before. */
async function* attentionPath(
  train: LabelledFeatures,
  tokens: number,
  plan: SweepPlan,
): AsyncGenerator<PathPoint<AttentiveProbe>, void, undefined> {
  const [count, tokenDim, { classes }] = [train.labels.length, train.dim / tokens, plan];
  const standardization = standardizationOf({ dim: tokenDim, data: train.data });
  const sizes = [tokenDim, tokenDim * classes, classes] as const;
  const program = compile(attentionLoss, { name: 'attentive probe' });
  const inputs = [
    tf.tensor3d(standardized(train.data, standardization), [count, tokens, tokenDim]),
    tf.tensor1d(train.labels.slice(), 'int32'),
  ] as const;
  const evaluate = async (position: Float64Array): Promise<Evaluation> => {
    const [query, weights, bias] = partsOf(position, sizes);
    const parameters = [tf.tensor2d(query!, [tokenDim, 1]), tf.tensor2d(weights!, [tokenDim, classes])] as const;
    const last = tf.tensor1d(bias!);
    const { loss, gradients } = await program(...inputs, ...parameters, last);
    const gradient = new Float64Array(position.length);
    let at = 0;
    for (const part of gradients) {
      gradient.set(await part.data(), at);
      at += part.size;
    }
    const [value] = await loss.data<'float32'>();
    tf.dispose([parameters[0], parameters[1], last, loss, gradients]);
    return { value: value!, gradient };
  };
  try {
    const penalizedSize = sizes[0] + sizes[1];
    let start = new Float64Array(penalizedSize + classes);
    for (const l2 of plan.penalties) {
      const objective = async (position: Float64Array): Promise<Evaluation> =>
        penalized(await evaluate(position), position, l2, penalizedSize);
      const result = await minimize(objective, start, plan);
      start = result.position.slice();
      const [query, weights, bias] = partsOf(start, sizes);
      const probe = new AttentiveProbe(tokens, standardization, { query: query!, weights: weights!, bias: bias! });
      yield { l2, probe, result, trainingLoss: result.value - penaltyOf(start, l2, penalizedSize) };
    }
  } finally {
    tf.dispose([...inputs]);
    program.dispose();
  }
}

/** Computes the mean cross-entropy and its gradients by query, weights and bias. */
function attentionLoss(
  tokens: tf.Tensor3D,
  labels: tf.Tensor1D,
  query: tf.Tensor2D,
  weights: tf.Tensor2D,
  bias: tf.Tensor1D,
): { readonly loss: tf.Scalar; readonly gradients: tf.Tensor[] } {
  const [count, number, dim] = tokens.shape;
  const [, classes] = weights.shape;
  return tf.tidy(() => {
    const targets = tf.oneHot(labels, classes, 1, 0, 'float32');
    const lossOf = (q: tf.Tensor, w: tf.Tensor, b: tf.Tensor): tf.Scalar => {
      const scores = tf.matMul(tf.reshape(tokens, [count * number, dim]), q);
      const attention = tf.softmax(tf.div(tf.reshape(scores, [count, number]), Math.sqrt(dim)));
      const pooled = tf.sum<tf.Tensor2D>(tf.mul(tokens, tf.expandDims(attention, 2)), 1);
      const logits = tf.add(tf.matMul(pooled, w), b);
      return tf.neg<tf.Scalar>(tf.div(tf.sum(tf.mul(targets, tf.logSoftmax(logits))), count));
    };
    const { value, grads } = tf.valueAndGrads(lossOf)([query, weights, bias]);
    return { loss: value, gradients: grads };
  });
}

function partsOf(position: Float64Array, sizes: readonly number[]): Float32Array[] {
  let at = 0;
  return sizes.map((size) => Float32Array.from(position.subarray(at, (at += size))));
}

function standardized(data: Float32Array, { mean, deviation }: Standardization): Float32Array {
  return data.map((value, at) => (value - mean[at % mean.length]!) / deviation[at % mean.length]!);
}
