import { readCheckpoint, type LoadedCheckpoint } from '@vitvq/checkpoint';
import { ConfigError, type HostTensor } from '@vitvq/core';
import { trainingStateOf, type TrainingState } from '@vitvq/training';
import { groups } from './internal/stage2-task.js';
import { resolveStage2Plan, type ResolvedStage2Plan } from './plan.js';

/** What a checkpoint of a stage-2 training says besides its weights. */
export interface Stage2State extends Omit<TrainingState, 'configuration' | 'task' | 'kind'> {
  /** With its defaults. */
  readonly plan: ResolvedStage2Plan;
  /** What the conditioner said of itself. */
  readonly conditioner: unknown;
  /** See {@link Stage2TrainerOptions.configuration}. */
  readonly configuration: unknown;
}

/**
 * What a checkpoint of {@link Stage2Trainer} says besides its weights: of a file, or of the newest one of a folder.
 * @throws {DataError} when there is none, or it is damaged
 * @throws {ConfigError} when it is of another kind of training
 */
export async function readStage2State(directoryOrFile: string): Promise<Stage2State> {
  return stateOf(await readCheckpoint(directoryOrFile));
}

export interface TransformerWeightsOptions {
  /** `average`: the moving average of the weights, where the training kept one. `last`: those of the last step. @default 'average' */
  readonly which?: 'average' | 'last';
}

/**
 * The model's weights in a checkpoint of {@link Stage2Trainer}, for `model.loadVariables(...)`.
 * @throws {DataError} @throws {ConfigError}
 */
export async function readTransformerWeights(
  directoryOrFile: string,
  { which = 'average' }: TransformerWeightsOptions = {},
): Promise<Map<string, HostTensor>> {
  return weightsOf(await readCheckpoint(directoryOrFile), 'model', which);
}

/**
 * The same of a conditioner that embeds, for its variables; of other conditioners there are none.
 * @throws {DataError} @throws {ConfigError}
 */
export async function readConditionerWeights(
  directoryOrFile: string,
  { which = 'average' }: TransformerWeightsOptions = {},
): Promise<Map<string, HostTensor>> {
  return weightsOf(await readCheckpoint(directoryOrFile), 'conditioner', which);
}

function weightsOf(
  checkpoint: LoadedCheckpoint,
  group: 'model' | 'conditioner',
  which: 'average' | 'last',
): Map<string, HostTensor> {
  stateOf(checkpoint);
  const { tensors } = checkpoint;
  const prefix = `${groups[group]}.`;
  // Averages have the names of what is trained: the model's own, and others with their group.
  const averages = `${groups.average}.average.${group === 'model' ? '' : prefix}`;
  return new Map(
    [...tensors]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, last]) => {
        const own = name.slice(prefix.length);
        const average = tensors.get(`${averages}${own}`);
        return [own, (which === 'average' ? average : undefined) ?? last];
      }),
  );
}

function stateOf(checkpoint: LoadedCheckpoint): Stage2State {
  const { configuration, task: _task, kind: _kind, ...state } = trainingStateOf(checkpoint, 'stage2');
  const where = `${checkpoint.file} (training state)`;
  const names = ['plan', 'conditioner', 'configuration'];
  const missing = names.filter((name) => !(name in configuration));
  if (missing.length > 0) {
    throw new ConfigError({ where, expected: names.join(', '), got: `none of ${missing.join(', ')}` });
  }
  const { plan, conditioner, configuration: own } = configuration;
  return { ...state, plan: resolveStage2Plan(plan, where), conditioner, configuration: own };
}
