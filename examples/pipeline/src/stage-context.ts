import type { RunFolder } from '@vitvq/example-shared';
import type { Settings } from './config.js';
import type { Images } from './data.js';

/**
 * In their order. The transformer's is called `gpt` in both recipes, so that whoever reads a run
 * finds its model in the same place.
 */
export const STAGES = ['tokenizer', 'codes', 'gpt', 'samples', 'probe'] as const;

/**
 * What every stage gets. It reads the rest from the folder, so that a run that is picked up takes
 * the same way.
 */
export interface StageContext {
  readonly settings: Settings;
  readonly images: Images;
  readonly folder: RunFolder<(typeof STAGES)[number]>;
  /** Stages throw its reason once it is aborted. */
  readonly signal: AbortSignal;
}
