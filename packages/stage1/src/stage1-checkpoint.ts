import { readCheckpoint, type LoadedCheckpoint } from '@vitvq/checkpoint';
import type { HostTensor } from '@vitvq/core';
import { z } from 'zod';
import { parseOptions } from './internal/parse-options.js';
import { stage1PlanSchema, type Stage1Plan } from './stage1-plan.js';

const stateSchema = z.strictObject({
  kind: z.literal('stage1'),
  plan: stage1PlanSchema,
  elapsedSeconds: z.number().min(0),
  dataPosition: z.int().min(0),
  quantizes: z.boolean(),
  notes: z.unknown(),
});

/** What a checkpoint of a stage-1 training says besides its weights. */
export interface Stage1State {
  readonly step: number;
  readonly plan: Stage1Plan;
  readonly elapsedSeconds: number;
  /** Batches that the training has used. */
  readonly dataPosition: number;
  /** Whether the codebook has started. */
  readonly quantizes: boolean;
  /** See {@link Stage1TrainerOptions.notes}. */
  readonly notes: unknown;
}

/** Before the names of the tokenizer's variables in a checkpoint. */
export const tokenizerPrefix = 'tokenizer.';
/** Before the names of the optimizer's variables. */
export const optimizerPrefix = 'optimizer.';

/**
 * What a checkpoint of {@link Stage1Trainer} says besides its weights: of a file, or of the newest one of a folder.
 * @throws {DataError} when there is none, or it is damaged or of another kind of training
 */
export async function readStage1State(directoryOrFile: string): Promise<Stage1State> {
  return stateOf(await readCheckpoint(directoryOrFile));
}

/**
 * The tokenizer's weights in a checkpoint of {@link Stage1Trainer}, for `tokenizer.loadVariables(...)`.
 * @throws {DataError}
 */
export async function readTokenizerWeights(directoryOrFile: string): Promise<Map<string, HostTensor>> {
  const checkpoint = await readCheckpoint(directoryOrFile);
  stateOf(checkpoint);
  return new Map(
    [...checkpoint.tensors]
      .filter(([name]) => name.startsWith(tokenizerPrefix))
      .map(([name, tensor]) => [name.slice(tokenizerPrefix.length), tensor]),
  );
}

/** @throws {ConfigError} when the checkpoint holds no such state, naming every problem */
export function stateOf({ file, step, state }: LoadedCheckpoint): Stage1State {
  const { plan, elapsedSeconds, dataPosition, quantizes, notes } = parseOptions(
    stateSchema,
    state,
    `${file} (training state)`,
  );
  return { step, plan, elapsedSeconds, dataPosition, quantizes, notes };
}
