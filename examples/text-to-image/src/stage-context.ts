import type { RunFolder } from '@vitvq/run';
import type { Settings } from './config.js';
import type { Data } from './data.js';
import type { Text } from './text.js';

/** In their order. The check knows CIFAR-10's captions: a run of one's own images has none. */
export const STAGES = ['tokenizer', 'codes', 'gpt', 'check'] as const;
export type StageName = (typeof STAGES)[number];

/**
 * What every stage gets. It reads the rest from the folder, so that a run that is picked up takes
 * the same way.
 */
export interface StageContext {
  readonly settings: Settings;
  readonly data: Data;
  readonly text: Text;
  readonly folder: RunFolder<StageName>;
  /** Stages throw its reason once it is aborted. */
  readonly signal: AbortSignal;
}
