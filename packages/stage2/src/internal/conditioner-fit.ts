import { ConfigError } from '@vitvq/core';
import type { AutoregressiveModel } from '../autoregressive-model.js';
import type { Conditioner } from '../conditioners/conditioner.js';

/** Throws unless a model takes the condition tokens of a conditioner. @throws {ConfigError} */
export function assertConditionerFits(
  { length, vocabSize }: Pick<Conditioner, 'length' | 'vocabSize'>,
  { conditionLength, conditionVocabSize }: Pick<AutoregressiveModel, 'conditionLength' | 'conditionVocabSize'>,
  where: string,
): void {
  const problems = [
    length === conditionLength ? '' : `${length} condition token(s) for conditionLength ${conditionLength}`,
    conditionVocabSize === undefined
      ? 'a model without a conditionVocabSize'
      : vocabSize > conditionVocabSize
        ? `${vocabSize} condition tokens for conditionVocabSize ${conditionVocabSize}`
        : '',
  ].filter(Boolean);
  if (problems.length === 0) return;
  throw new ConfigError({
    where,
    expected: 'a conditioner that fits the transformer',
    got: problems.join('; '),
    fix: `Make the transformer with { conditionLength: ${length}, conditionVocabSize: ${vocabSize} }, the conditioner's length and vocabSize.`,
  });
}
