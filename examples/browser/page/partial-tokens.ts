/** An image in the making. */
export interface PartialImage {
  /** `[N * L]`, -1 where nothing is drawn yet. */
  readonly tokens: Int32Array;
  /** The same with something for a decoder to see where nothing is drawn yet. */
  readonly guess: Int32Array;
}

/** Rows and columns of tokens, and how many there are a position. */
interface TokenShape {
  readonly grid: readonly [number, number];
  readonly codeDepth: number;
}

/**
 * An image of which the first positions are known. What is not drawn yet repeats the position above
 * it, and in the first row the one before it: a decoder's attention sees it everywhere, so that it
 * should look like a likely neighbour.
 * @param known of the first positions, at least one; `codeDepth` each
 */
export function partialImage(known: readonly number[], { grid, codeDepth }: TokenShape): PartialImage {
  const [rows, columns] = grid;
  const tokens = new Int32Array(rows * columns * codeDepth).fill(-1);
  tokens.set(known);
  const guess = tokens.slice();
  for (let index = known.length; index < guess.length; index++) {
    guess[index] = guess[index - columns * codeDepth] ?? guess[index - codeDepth]!;
  }
  return { tokens, guess };
}

/** Positions of which nothing is drawn yet. */
export function unknownPositions(tokens: Int32Array, codeDepth: number): number[] {
  const positions = Array.from({ length: tokens.length / codeDepth }, (_, position) => position);
  return positions.filter((position) => tokens[position * codeDepth] === -1);
}
