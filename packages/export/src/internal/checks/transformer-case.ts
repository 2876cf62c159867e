import type { Tensor } from '@tensorflow/tfjs-core';
import type { RandomKey } from '@vitvq/core';
import type { Conditions } from '@vitvq/transformers';
import type { ExportedGraph } from '../../manifest.js';
import type { HostValue, Session } from '../runtimes.js';

/** Values by their names. */
export type NamedValues = Readonly<Record<string, HostValue>>;

/** Files of a transformer that are loaded, by their names in {@link TransformerCase.graphs}. */
export type Sessions = Readonly<Record<string, Session>>;

/** How a transformer of one kind is compared with its files. */
export interface TransformerCase {
  readonly graphs: Readonly<Record<string, ExportedGraph>>;
  /** Number of vectors that the full forward pass of an image reads. */
  readonly sequenceLength: number;
  /** Draws tokens, and what else logits depend on besides conditions: int32 values. */
  draw(key: RandomKey, batch: number): NamedValues;
  /** Returns the model's logits of what was drawn, in one full forward pass. */
  logits(conditions: Conditions, drawn: Readonly<Record<string, Tensor>>): Tensor;
  /** Returns the logits that the files give, as a program that samples gets them. */
  run(sessions: Sessions, conditions: HostValue, drawn: NamedValues): Promise<HostValue>;
}
