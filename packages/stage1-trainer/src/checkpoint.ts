import { z } from 'zod';
import { openCheckpoint, readCheckpointState, type CheckpointState } from '@vitvq/checkpoint';
import { parseOptions, type HostTensor } from '@vitvq/core';
import { trainingStateOf, type TrainingState } from '@vitvq/training';
import { groups, stage1TaskStateSchema } from './internal/stage1-task.js';
import { stage1PlanSchema, type ResolvedStage1Plan } from './plan.js';

const configurationSchema = z.strictObject({
  plan: stage1PlanSchema,
  adversarialLoss: z.string().nullable(),
  configuration: z.unknown(),
});

/** What a checkpoint of a stage-1 training says besides its weights. */
export interface Stage1State extends Omit<TrainingState, 'configuration' | 'task' | 'kind'> {
  /** With its defaults. */
  readonly plan: ResolvedStage1Plan;
  /** Its `name`; null without a discriminator, and for a loss that has none. */
  readonly adversarialLoss: string | null;
  /** See {@link Stage1TrainerOptions.configuration}. */
  readonly configuration: unknown;
  /** Whether the codebook has started. */
  readonly quantizes: boolean;
  /** Whether the discriminator has started. */
  readonly isAdversarial: boolean;
}

/**
 * What a checkpoint of {@link Stage1Trainer} says besides its weights: of a file, or of the newest one of a folder.
 * @throws {DataError} when there is none, or it is damaged
 * @throws {ConfigError} when it is of another kind of training
 */
export async function readStage1State(directoryOrFile: string): Promise<Stage1State> {
  return stateOf(await readCheckpointState(directoryOrFile));
}

export interface TokenizerWeightsOptions {
  /** `average`: the moving average of the weights, where the training kept one. `last`: those of the last step. @default 'average' */
  readonly which?: 'average' | 'last';
}

/**
 * The tokenizer's weights in a checkpoint of {@link Stage1Trainer}, for `tokenizer.loadVariables(...)`.
 * @throws {DataError} @throws {ConfigError}
 */
export async function readTokenizerWeights(
  directoryOrFile: string,
  { which = 'average' }: TokenizerWeightsOptions = {},
): Promise<Map<string, HostTensor>> {
  const checkpoint = await openCheckpoint(directoryOrFile);
  try {
    stateOf(checkpoint);
    const entries = new Map(checkpoint.entries.map((entry) => [entry.name, entry]));
    const prefix = `${groups.tokenizer}.`;
    const weights = new Map<string, HostTensor>();
    for (const [name, last] of entries) {
      if (!name.startsWith(prefix)) continue;
      const own = name.slice(prefix.length);
      const average = which === 'average' ? entries.get(`${groups.average}.average.${own}`) : undefined;
      weights.set(own, await checkpoint.read(average ?? last));
    }
    return weights;
  } finally {
    await checkpoint.close();
  }
}

function stateOf(checkpoint: CheckpointState): Stage1State {
  const { configuration, task, kind: _kind, ...state } = trainingStateOf(checkpoint, 'stage1');
  const where = `${checkpoint.file} (training state)`;
  return {
    ...state,
    ...parseOptions(configurationSchema, configuration, where),
    ...parseOptions(stage1TaskStateSchema, task, where),
  };
}
