import { parseOptions } from '@vitvq/core';
import type { AdversarialLoss } from '@vitvq/core';
import { z } from 'zod';
import {
  hingeAdversarialLoss,
  leastSquaresAdversarialLoss,
  nonSaturatingAdversarialLoss,
  vanillaAdversarialLoss,
} from './adversarial.js';

const row = <K extends string>(kind: K, loss: AdversarialLoss) => ({
  /** Schema of the config. */
  schema: z.strictObject({ kind: z.literal(kind) }),
  /** Returns the loss of a config. */
  create: (): AdversarialLoss => loss,
});

/** Adversarial losses that a config reaches by name: one row a kind. */
export const adversarialLossKinds = {
  hinge: row('hinge', hingeAdversarialLoss),
  vanilla: row('vanilla', vanillaAdversarialLoss),
  leastSquares: row('leastSquares', leastSquaresAdversarialLoss),
  nonSaturating: row('nonSaturating', nonSaturatingAdversarialLoss),
};

type Schema = (typeof adversarialLossKinds)[keyof typeof adversarialLossKinds]['schema'];

/** Config of an adversarial loss, as data that JSON holds. */
export type AdversarialLossConfig = z.input<Schema>;

/** Schema of {@link AdversarialLossConfig}. */
export const adversarialLossSchema = z.discriminatedUnion(
  'kind',
  Object.values(adversarialLossKinds).map(({ schema }) => schema) as unknown as readonly [Schema, ...Schema[]],
);

/**
 * Returns the adversarial loss of a config.
 * @throws {ConfigError} that lists every problem of the config
 */
export function createAdversarialLoss(config: AdversarialLossConfig): AdversarialLoss {
  const { kind } = parseOptions(adversarialLossSchema, config, 'createAdversarialLoss');
  return adversarialLossKinds[kind].create();
}
