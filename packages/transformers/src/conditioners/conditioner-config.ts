/** What makes a conditioner again, as JSON; see `Conditioner.config`. */
export type ConditionerConfig = UnconditionalConfig | ClassConditionerConfig | TextConditionerConfig;

export interface UnconditionalConfig {
  readonly kind: 'unconditional';
}

export interface ClassConditionerConfig {
  readonly kind: 'class';
  readonly classCount: number;
  /** One a class. */
  readonly classNames?: readonly string[];
}

export interface TextConditionerConfig {
  readonly kind: 'text';
  /** Tokens a text. */
  readonly length: number;
  /** The content of a `tokenizer.json`. */
  readonly tokenizer: unknown;
}
