/**
 * Tokens of an image in the making as a decoder needs them, all there: what is not drawn yet
 * repeats the position above it, and in the first row the one before it. A decoder's attention sees
 * it everywhere, so that it should look like a likely neighbour.
 * @param known of the first positions, at least one; `codeDepth` each
 */
export function completeTokens(
  known: readonly number[],
  { grid, codeDepth }: { readonly grid: readonly [number, number]; readonly codeDepth: number },
): Int32Array {
  const [rows, columns] = grid;
  const tokens = new Int32Array(rows * columns * codeDepth);
  tokens.set(known);
  for (let index = known.length; index < tokens.length; index++) {
    tokens[index] = tokens[index - columns * codeDepth] ?? tokens[index - codeDepth]!;
  }
  return tokens;
}
