import { ConfigError } from '@vitvq/core';
import type { AnyConditioner } from '../conditioners/conditioner.js';
import { canonicalJson } from '../internal/canonical-json.js';
import type { TokenModel } from '../token-model.js';

/** Throws unless a model takes the conditions of a conditioner. @throws {ConfigError} */
export function assertConditionerFits(
  conditioner: AnyConditioner,
  model: Pick<TokenModel, 'conditionLength' | 'conditionVocabSize' | 'dim'>,
  where: string,
): void {
  const { length } = conditioner;
  const { conditionLength, conditionVocabSize, dim } = model;
  const embeds = 'embed' in conditioner;
  const problems = [
    length === conditionLength ? '' : `${length} condition token(s) for conditionLength ${conditionLength}`,
    embeds && conditioner.dim !== dim ? `embeddings of width ${conditioner.dim} for dim ${dim}` : '',
    embeds && conditionVocabSize !== undefined ? 'embeddings for a model with a conditionVocabSize' : '',
    !embeds && conditionVocabSize === undefined ? 'a model without a conditionVocabSize' : '',
    !embeds && conditionVocabSize !== undefined && conditioner.vocabSize !== conditionVocabSize
      ? `${conditioner.vocabSize} condition tokens for conditionVocabSize ${conditionVocabSize}`
      : '',
  ].filter(Boolean);
  if (problems.length === 0) return;
  throw new ConfigError({
    where,
    expected: 'a conditioner that fits the transformer',
    got: problems.join('; '),
    fix: embeds
      ? `Make the transformer with { conditionLength: ${length}, dim: ${conditioner.dim} } and no conditionVocabSize.`
      : `Make the transformer with { conditionLength: ${length}, conditionVocabSize: ${conditioner.vocabSize} }, the conditioner's length and vocabSize.`,
  });
}

/**
 * Throws unless a conditioner says the same of itself as another did.
 * @param what  that one is, such as `the model was saved with`
 * @throws {ConfigError}
 */
export function assertSameDescription(
  { description }: AnyConditioner,
  expected: unknown,
  where: string,
  what: string,
): void {
  // JSON, because the expected description was read from JSON: -0 and undefined do not survive it.
  if (canonicalJson(description) === canonicalJson(expected)) return;
  throw new ConfigError({
    where,
    expected: `the conditioner that ${what}, ${JSON.stringify(expected)}`,
    got: JSON.stringify(description),
  });
}
