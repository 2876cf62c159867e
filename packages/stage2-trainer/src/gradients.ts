import type { Tensor, Tensor2D, Variable } from '@tensorflow/tfjs-core';
import { checkOptions, ConfigError, parseOptions, type OptionTable } from '@vitvq/core';
import type { DropoutMasks } from '@vitvq/layers';
import { gradientsWithValues, type LossGradients, type LossTerms } from '@vitvq/training';
import {
  conditionInput,
  takesOrders,
  variablesWithConditioner,
  Unconditional,
  type AutoregressiveModel,
  type ImageTokens,
  type AnyConditioner,
  type Conditions,
  type PermutedLogitsOptions,
} from '@vitvq/transformers';
import {
  computeTerms,
  transformerLossTerms,
  transformerLossWeightsSchema,
  type TransformerLossInputs,
  type TransformerLossWeights,
} from './loss-terms.js';

/** Options of {@link createTransformerGradients}. */
export interface TransformerGradientOptions {
  readonly model: AutoregressiveModel;
  /**
   * Matters where it embeds: its variables have gradients too, after `conditioner.`.
   * @default none: an `Unconditional`
   */
  readonly conditioner?: AnyConditioner;
  /** Weights of the built-in terms. @default { crossEntropy: 1 } */
  readonly weights?: TransformerLossWeights;
  /** Terms of the caller, by the names of their values. @default {} */
  readonly losses?: LossTerms<TransformerLossInputs>;
}

const transformerGradientOptionNames: OptionTable<TransformerGradientOptions> = {
  model: 'required',
  conditioner: 'optional',
  weights: 'optional',
  losses: 'optional',
};

/**
 * Function to the values `loss` and each unweighted term, and to gradients; its caller disposes of
 * them.
 * @param conditions  tokens `[B, C]`, or the numbers `[B, ...inputShape]` that a conditioner embeds
 * @param orders  int32 `[B, N]`: the position that comes n-th, for a model that takes orders
 *   (`RAR`). @default raster order
 */
export type TransformerGradients = (
  conditions: Tensor,
  tokens: ImageTokens,
  dropoutMasks?: DropoutMasks,
  orders?: Tensor2D,
) => LossGradients;

/**
 * Returns the variables that a training moves: the model's, and those of a conditioner that embeds,
 * after `conditioner.`.
 */
export function trainedVariables(
  model: Pick<AutoregressiveModel, 'namedVariables'>,
  conditioner: AnyConditioner,
): Map<string, Variable> {
  return new Map([...variablesWithConditioner(model, conditioner)].filter(([, { trainable }]) => trainable));
}

/**
 * Creates loss and gradients of a transformer: next-token cross-entropy (arXiv:2110.04627, equation
 * 2, a mean over tokens and codes instead of a sum) and the caller's terms. Plain tensor code,
 * which compiles.
 * @throws {ConfigError} for weights and terms that do not fit the model
 */
export function createTransformerGradients(options: TransformerGradientOptions): TransformerGradients {
  const where = 'createTransformerGradients';
  checkOptions(options, transformerGradientOptionNames, where);
  const { model, conditioner = new Unconditional(), weights = {}, losses = {} } = options;
  const input = conditionInput(conditioner);
  const resolved = parseOptions(transformerLossWeightsSchema, weights, `${where} weights`);
  const terms = transformerLossTerms(model.codeDepth, resolved, losses, where);
  const variables = trainedVariables(model, conditioner);
  return (given, tokens, dropoutMasks, orders) =>
    gradientsWithValues(() => {
      const conditions = input.embed(given);
      const logits = logitsOf(model, conditions, tokens, { dropoutMasks, orders });
      const values = computeTerms(terms, { logits, tokens, conditions });
      return { minimised: values['loss']!, values };
    }, variables);
}

/** @throws {ConfigError} for orders that the model does not take */
function logitsOf(
  model: AutoregressiveModel,
  conditions: Conditions,
  tokens: ImageTokens,
  { orders, ...options }: PermutedLogitsOptions,
): Tensor {
  if (orders === undefined) return model.logits(conditions, tokens, options);
  if (takesOrders(model)) return model.logits(conditions, tokens, { ...options, orders });
  throw new ConfigError({
    where: 'createTransformerGradients',
    expected: 'a model that takes orders, such as a RAR',
    got: 'another one, and orders',
    fix: 'Leave them out.',
  });
}
