import type { ResolvedRunConfig } from './config/run-config.js';
import type { RunFolder } from './run-folder.js';
import type { RunImages } from './run-images.js';
import type { RunView } from './run-progress.js';

/** Stages of a run, in their order; a run has those that its config asks for. */
export const stageNames = ['tokenizer', 'codes', 'transformer', 'samples', 'probe', 'evaluation'] as const;

/** Name of a stage, and of its folder. */
export type StageName = (typeof stageNames)[number];

/** Returns whether a config asks for a stage. */
export function isAsked(stage: StageName, { tokenizer, transformer, probe, evaluation }: ResolvedRunConfig): boolean {
  switch (stage) {
    case 'tokenizer':
      return !('from' in tokenizer);
    case 'probe':
      return Boolean(probe);
    case 'evaluation':
      return Boolean(evaluation);
    default:
      return transformer !== undefined;
  }
}

/** Name of the stage of a run that trains a classifier: its only one. */
export const classifierStage = 'classifier';

/** What every stage of a run works with. */
export interface RunContext {
  readonly config: ResolvedRunConfig;
  readonly folder: RunFolder<StageName>;
  readonly images: RunImages;
  readonly view: RunView;
  readonly signal: AbortSignal;
}

/** In the folder of a stage that trains: its model, in the layout of model hubs. */
export const modelFolder = 'model';
