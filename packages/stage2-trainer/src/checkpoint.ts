import type { HostTensor } from '@vitvq/core';
import { readTrainedWeights, readTrainingState, type TrainedWeightsOptions, type TrainingState } from '@vitvq/training';
import { z } from 'zod';
import { transformerTrainingSchema, type ResolvedTransformerTrainingConfig } from './config.js';
import { transformerKind } from './internal/transformer-task.js';

const configSchema = z.strictObject({
  training: transformerTrainingSchema,
  losses: z.record(z.string(), z.number()),
  conditioner: z.unknown(),
  model: z.unknown(),
});

/** Content of a checkpoint of a transformer's training besides its weights. */
export interface TransformerTrainingState extends Omit<TrainingState, 'config' | 'parts' | 'kind'> {
  /** Config of the training with its defaults. */
  readonly config: ResolvedTransformerTrainingConfig;
  /** Weights of the caller's own loss terms, by name. */
  readonly losses: Readonly<Record<string, number>>;
  /** Description of the conditioner. */
  readonly conditioner: unknown;
  /** Config of the model; see `TransformerTrainerOptions.modelConfig`. */
  readonly modelConfig: unknown;
}

/**
 * Reads the state of a transformer's training from a checkpoint, and none of its weights.
 * @param directoryOrFile  a file, or a folder whose newest checkpoint is read
 * @throws {DataError} when there is none, or it is damaged
 * @throws {ConfigError} when it is of another kind of training
 */
export async function readTransformerTraining(directoryOrFile: string): Promise<TransformerTrainingState> {
  const {
    config,
    parts: _parts,
    kind: _kind,
    ...state
  } = await readTrainingState(directoryOrFile, transformerKind, configSchema);
  const { training, losses, conditioner, model } = config;
  return { ...state, config: training, losses, conditioner, modelConfig: model };
}

/**
 * Reads a model's weights from a checkpoint of its training, for `model.loadVariables(...)`.
 * @param directoryOrFile  a file, or a folder whose newest checkpoint is read
 * @throws {DataError} when there is none, or it is damaged
 * @throws {ConfigError} when it is of another kind of training
 */
export function readTransformerWeights(
  directoryOrFile: string,
  options?: TrainedWeightsOptions,
): Promise<Map<string, HostTensor>> {
  return readTrainedWeights(directoryOrFile, { kind: transformerKind, part: 'model' }, options);
}

/**
 * Reads the weights of a conditioner that embeds, for its variables; other conditioners have none.
 * @param directoryOrFile  a file, or a folder whose newest checkpoint is read
 * @throws {DataError} when there is none, or it is damaged
 * @throws {ConfigError} when it is of another kind of training
 */
export function readConditionerWeights(
  directoryOrFile: string,
  options?: TrainedWeightsOptions,
): Promise<Map<string, HostTensor>> {
  const place = { kind: transformerKind, part: 'conditioner', emaPrefix: 'conditioner.' };
  return readTrainedWeights(directoryOrFile, place, options);
}
