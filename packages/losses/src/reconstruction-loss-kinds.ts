import type * as tf from '@tensorflow/tfjs-core';
import { ConfigError, parseOptions } from '@vitvq/core';
import { z } from 'zod';
import { logitLaplaceLoss, type LogitLaplaceParameters } from './logit-laplace.js';
import { l1Loss, l2Loss } from './pixel.js';

/** What a decoder predicts for a batch of images. */
export interface PredictedImages {
  /** `[B, H, W, C]` in [0, 1], not clipped. */
  readonly reconstruction: tf.Tensor;
  /** Parameters of a likelihood, where the decoder predicts these. */
  readonly logitLaplace?: LogitLaplaceParameters;
}

/** Loss of predicted images against their targets `[B, H, W, C]`, a scalar. */
export type ReconstructionLoss = (predicted: PredictedImages, target: tf.Tensor) => tf.Scalar;

/** Row of a reconstruction loss that a config can ask for. */
interface Kind<S extends z.ZodType> {
  /** Schema of the config; it fills in the defaults. */
  readonly schema: S;
  /** Whether the decoder must predict the parameters of a logit-Laplace distribution. */
  readonly needsLogitLaplace: boolean;
  /** Returns the loss of a config. */
  readonly create: (config: z.output<S>) => ReconstructionLoss;
}

function row<S extends z.ZodType>(kind: Kind<S>): Kind<S> {
  return kind;
}

/** Reconstruction losses that a config reaches by name: one row a kind. */
export const reconstructionLossKinds = {
  l1: row({
    schema: z.strictObject({ kind: z.literal('l1') }),
    needsLogitLaplace: false,
    create:
      () =>
      ({ reconstruction }, target) =>
        l1Loss(reconstruction, target),
  }),
  l2: row({
    schema: z.strictObject({ kind: z.literal('l2') }),
    needsLogitLaplace: false,
    create:
      () =>
      ({ reconstruction }, target) =>
        l2Loss(reconstruction, target),
  }),
  logitLaplace: row({
    schema: z.strictObject({ kind: z.literal('logitLaplace'), epsilon: z.number().gt(0).lt(0.5).default(0.1) }),
    needsLogitLaplace: true,
    create:
      ({ epsilon }) =>
      ({ logitLaplace }, target) => {
        if (!logitLaplace) {
          throw new ConfigError({
            where: 'logitLaplaceLoss',
            expected: 'a decoder that predicts the parameters of a logit-Laplace distribution',
            got: 'one that predicts pixels',
            fix: "Create the tokenizer with output: 'logit-laplace', or choose another loss.",
          });
        }
        return logitLaplaceLoss(logitLaplace, target, { epsilon });
      },
  }),
};

type Schema = (typeof reconstructionLossKinds)[keyof typeof reconstructionLossKinds]['schema'];

/** Config of a reconstruction loss, as data that JSON holds. */
export type ReconstructionLossConfig = z.input<Schema>;

/** Schema of {@link ReconstructionLossConfig}; it fills in the defaults. */
export const reconstructionLossSchema = z.discriminatedUnion(
  'kind',
  Object.values(reconstructionLossKinds).map(({ schema }) => schema) as unknown as readonly [Schema, ...Schema[]],
);

/**
 * Returns the reconstruction loss of a config.
 * @throws {ConfigError} that lists every problem of the config
 */
export function createReconstructionLoss(config: ReconstructionLossConfig): ReconstructionLoss {
  const parsed = parseOptions(reconstructionLossSchema, config, 'createReconstructionLoss');
  // TypeScript does not see that the row of a kind takes the configs of that kind.
  const { create } = reconstructionLossKinds[parsed.kind] as Kind<z.ZodType>;
  return create(parsed);
}
