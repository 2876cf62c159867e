import type { Variable } from '@tensorflow/tfjs-core';
import {
  Adafactor,
  Adam,
  AdamW,
  decayEverything,
  decayGroups,
  decayLinearWeights,
  decayMatrices,
  type Optimizer,
  type ParameterGroup,
} from '@vitvq/optim';
import { assertMembers, assertOneOf } from '@vitvq/core';
import { z } from 'zod';

/** Weight decay of an optimizer. */
interface DecayConfig {
  readonly weightDecay: number;
  /**
   * Variables that decay. `weights`: all but vectors, scalars, codebooks and learned positions.
   * `linear-weights`: embeddings do not decay either, as in the reference's stage 2. `all`: every
   * variable, as in the reference's stage 1.
   * @default the trainer's: 'weights' for tokenizers, 'linear-weights' for transformers
   */
  readonly decay?: 'weights' | 'linear-weights' | 'all';
}

/**
 * Adam. `adamw` decays weights apart from the gradient; `adam` adds the decay to the gradient
 * (`torch.optim.Adam`).
 */
export interface AdamConfig extends DecayConfig {
  /** @default 'adamw' */
  readonly kind?: 'adamw' | 'adam';
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** Adafactor with the step size of the schedule and a decoupled weight decay. */
export interface AdafactorConfig extends DecayConfig {
  readonly kind: 'adafactor';
  /** Decay of the average of updates, in [0, 1); null: no average. */
  readonly beta1: number | null;
  /** Decay of the second moments, in [0, 1); null: it grows with the steps. */
  readonly beta2: number | null;
}

/** Optimizer of a training as data. */
export type OptimizerConfig = AdamConfig | AdafactorConfig;

const fraction = z.number().min(0).lt(1);
const notNegative = z.number().min(0);

const adamFields = { beta1: fraction, beta2: fraction, epsilon: z.number().gt(0), weightDecay: notNegative };

/** Groups of variables that each value of `decay` lets decay. */
const decayRules = { weights: decayMatrices, 'linear-weights': decayLinearWeights, all: decayEverything };

type Decay = keyof typeof decayRules;

/** Returns the schema of {@link OptimizerConfig} with the given default of `decay`. */
export function optimizerSchema(defaultDecay: Decay) {
  const decay = z.enum(['weights', 'linear-weights', 'all']).default(defaultDecay);
  return z.preprocess(
    withKind,
    z.discriminatedUnion(
      'kind',
      [
        z.strictObject({ kind: z.literal('adamw'), ...adamFields, decay }),
        z.strictObject({ kind: z.literal('adam'), ...adamFields, decay }),
        z.strictObject({
          kind: z.literal('adafactor'),
          beta1: fraction.nullable(),
          beta2: fraction.nullable(),
          weightDecay: notNegative,
          decay,
        }),
      ],
      { error: 'expected one of "adamw"|"adam"|"adafactor"' },
    ),
  );
}

/** Adds the default kind. */
function withKind(config: unknown): unknown {
  const isPlain = typeof config === 'object' && config !== null && !('kind' in config);
  return isPlain ? { kind: 'adamw', ...config } : config;
}

/** Optimizer config with its defaults. */
export type ResolvedOptimizerConfig = z.output<ReturnType<typeof optimizerSchema>>;

type ConfigOf<K extends ResolvedOptimizerConfig['kind']> = Extract<ResolvedOptimizerConfig, { readonly kind: K }>;

/** Optimizers that a config reaches by name: one row a kind. */
const optimizerKinds: {
  readonly [K in ResolvedOptimizerConfig['kind']]: (groups: ParameterGroup[], config: ConfigOf<K>) => Optimizer;
} = {
  adamw: (groups, { beta1, beta2, epsilon }) => new AdamW(groups, { beta1, beta2, epsilon }),
  adam: (groups, { beta1, beta2, epsilon }) => new Adam(groups, { beta1, beta2, epsilon }),
  adafactor: (groups, { beta1, beta2 }) =>
    new Adafactor(groups, { beta1: beta1 ?? undefined, beta2: beta2 ?? undefined }),
};

/** Returns the optimizer of a config over variables by dotted name. @throws {ConfigError} */
export function createOptimizer(named: ReadonlyMap<string, Variable>, config: ResolvedOptimizerConfig): Optimizer {
  const where = 'createOptimizer';
  assertMembers(config, ['kind', 'weightDecay', 'decay'], 'the config', where);
  assertOneOf(config.kind, Object.keys(optimizerKinds), 'kind', where);
  assertOneOf(config.decay, Object.keys(decayRules), 'decay', where);
  const groups = decayGroups(named, config.weightDecay, decayRules[config.decay]);
  // TypeScript does not see that the row of a kind takes the configs of that kind.
  const create = optimizerKinds[config.kind] as (
    groups: ParameterGroup[],
    config: ResolvedOptimizerConfig,
  ) => Optimizer;
  return create(groups, config);
}
