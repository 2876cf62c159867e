import { ConfigError, type ErrorFacts } from '@vitvq/core';

/** Facts of a transformer that the shapes of a checkpoint do not tell. */
export interface TransformerHints {
  /**
   * Rows and columns of image tokens. Required for LlamaGen, whose rotary positions fit every grid.
   * @default for RAR and MaskGIT a square
   */
  readonly grid?: readonly [number, number];
  /**
   * Attention heads. @default for LlamaGen those of the published model of this width, which have
   * 64 channels, and 100 for a width of 3200; for RAR those of the width of its query norms; for
   * MaskGIT those of its shapes
   */
  readonly numHeads?: number;
  /**
   * Number of classes, for MaskGIT alone, which has codes and classes in one table.
   * @default 1000, that of the published models
   */
  readonly classCount?: number;
}

/** Error of shapes that do not tell a fact which a hint can tell. */
export class MissingTransformerHintError extends ConfigError {
  /** Name of the missing hint. */
  readonly hint: keyof TransformerHints;

  constructor(hint: keyof TransformerHints, facts: Omit<ErrorFacts, 'fix'>) {
    super({ ...facts, fix: `Pass hints: { ${hint} }.` });
    this.hint = hint;
  }
}
