import { randomKey, randomUniform } from '@vitvq/core';
import { partialImage, type PartialImage } from './partial-tokens.js';
import { drawToken, filterLogits, guide, type Filter } from './sampling.js';
import type { TransformerSession } from './session.js';

export interface GenerationOptions extends Filter {
  /** Condition tokens; undefined for none. */
  readonly condition: readonly number[] | undefined;
  /** 1 is none; above 1, images follow their condition more closely. Takes twice the work. */
  readonly guidance: number;
  /**
   * An integer in [0, 2^53): the same image again, here and from the `Sampler` of @vitvq/sampling.
   */
  readonly seed: number;
}

/** Draws an image position by position; yields it after each. Leaving the loop stops it. */
export async function* generate(
  transformer: TransformerSession,
  { condition, guidance, seed, ...filter }: GenerationOptions,
): AsyncGenerator<PartialImage, void, undefined> {
  const { grid, codeDepth } = transformer.about;
  const { nullTokens } = transformer.condition;
  const positions = grid[0] * grid[1];
  const isGuided = condition !== undefined && guidance !== 1;
  const uniform = randomUniform(randomKey(seed), positions * codeDepth);
  const tokens: number[] = [];
  let state = await transformer.prefill(isGuided ? [condition, nullTokens] : [condition ?? nullTokens]);
  for (let position = 0; position < positions; position++) {
    if (position > 0) state = await transformer.decodeStep(state, tokens.slice(-codeDepth));
    const drawn: number[] = [];
    for (let level = 0; level < codeDepth; level++) {
      const [conditional, unconditional] = await transformer.logits(state, drawn);
      const guided = isGuided ? guide(conditional!, unconditional!, guidance) : conditional!;
      drawn.push(drawToken(filterLogits(guided, filter), uniform[position * codeDepth + level]!));
    }
    tokens.push(...drawn);
    yield partialImage(tokens, transformer.about);
  }
}
