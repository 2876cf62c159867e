import type { Tensor, Tensor2D, Variable } from '@tensorflow/tfjs-core';
import { checkOptions, parseOptions, type OptionTable } from '@vitvq/core';
import type { DropoutMasks } from '@vitvq/layers';
import { gradientsWithValues, type LossGradients, type LossTerms } from '@vitvq/training';
import {
  conditionInput,
  variablesWithConditioner,
  tokenObjective,
  Unconditional,
  type AnyTokenModel,
  type ImageTokens,
  type AnyConditioner,
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
  readonly model: AnyTokenModel;
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
 * @param drawn  int32 `[B, N]`, what the model's objective draws for a step, see `TokenObjective`;
 *   none for models that predict the next token
 */
export type TransformerGradients = (
  conditions: Tensor,
  tokens: ImageTokens,
  dropoutMasks?: DropoutMasks,
  drawn?: Tensor2D,
) => LossGradients;

/**
 * Returns the variables that a training moves: the model's, and those of a conditioner that embeds,
 * after `conditioner.`.
 */
export function trainedVariables(
  model: Pick<AnyTokenModel, 'namedVariables'>,
  conditioner: AnyConditioner,
): Map<string, Variable> {
  return new Map([...variablesWithConditioner(model, conditioner)].filter(([, { trainable }]) => trainable));
}

/**
 * Creates loss and gradients of a transformer: the cross-entropy of the tokens that it predicts
 * (arXiv:2110.04627, equation 2, a mean over tokens and codes instead of a sum; which ones those
 * are says `tokenObjective`) and the caller's terms. Plain tensor code, which compiles.
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
  const objective = tokenObjective(model);
  return (given, tokens, dropoutMasks, drawn) =>
    gradientsWithValues(() => {
      const conditions = input.embed(given);
      const predictions = objective.predictions(conditions, tokens, drawn, { dropoutMasks });
      const values = computeTerms(terms, { ...predictions, tokens, conditions });
      return { minimised: values['loss']!, values };
    }, variables);
}
