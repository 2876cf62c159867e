/** What makes a conditioner again, as JSON; see `Conditioner.config`. */
export type ConditionerConfig =
  UnconditionalConfig | ClassConditionerConfig | TextConditionerConfig | CaptionConditionerConfig;

/** Config of an `Unconditional`. */
export interface UnconditionalConfig {
  readonly kind: 'unconditional';
}

/** Config of a `ClassConditioner`. */
export interface ClassConditionerConfig {
  readonly kind: 'class';
  readonly classCount: number;
  /** One a class. */
  readonly classNames?: readonly string[];
}

/** Config of a `TextConditioner`. */
export interface TextConditionerConfig {
  readonly kind: 'text';
  /** Tokens a text. */
  readonly length: number;
  /** The content of a `tokenizer.json`. */
  readonly tokenizer: unknown;
}

/** Config of a `CaptionConditioner`. */
export interface CaptionConditionerConfig {
  readonly kind: 'captions';
  /** Vectors a caption at most. */
  readonly length: number;
  /** Their width. */
  readonly captionDim: number;
  /** Width of the transformer. */
  readonly dim: number;
}
