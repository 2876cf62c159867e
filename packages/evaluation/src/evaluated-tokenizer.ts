import { assertMembers, isContinuous, type ContinuousTokenizer, type Tokenizer } from '@vitvq/core';

/** What evaluations need of a tokenizer: its tokens, or reconstructions where it has none. */
export type EvaluatedTokenizer = Pick<Tokenizer, 'vocabSize' | 'encode' | 'decode'> | ContinuousTokenizer;

/** Returns the number of codes; undefined of a tokenizer without tokens. @throws {ConfigError} */
export function vocabSizeOf(tokenizer: EvaluatedTokenizer, where: string): number | undefined {
  if (isContinuous(tokenizer)) return undefined;
  assertMembers(tokenizer, ['vocabSize', 'encode', 'decode'], 'the tokenizer', where);
  return tokenizer.vocabSize;
}
