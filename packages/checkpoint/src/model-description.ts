import type { SafetensorsFile } from './safetensors-file.js';

/** A model apart from its weights: the content of config.json. */
export interface ModelDescription {
  /**
   * Kind of model, such as `vq-tokenizer` or `gpt`. The code that loads a model knows the kinds.
   */
  readonly type: string;
  /** Data from which the model is built again; anything that JSON can hold. */
  readonly config: unknown;
  /** Notes for people and programs: the source of the weights, their licence, their quality. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * An open model folder. Each tensor is read when it is asked for; `restoreVariables` takes the
 * model. The caller closes it.
 */
export interface OpenedModel extends SafetensorsFile {
  /** Path of the folder; for files in memory, the name that errors give them. */
  readonly folder: string;
  /** Kind of model, as written. */
  readonly type: string;
  /** Config as written. The code that builds the model validates it. */
  readonly config: unknown;
  /** Metadata of config.json, or of the safetensors file where config.json has none. */
  readonly metadata: Readonly<Record<string, string>>;
}
