import type { RunFolder } from '@vitvq/example-shared';
import type { Settings } from './config.js';
import type { Data } from './data.js';
import type { Text } from './text.js';

/** In their order. */
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
