import type { HostTensor } from '@vitvq/core';
import { readTrainedWeights, readTrainingState, type TrainedWeightsOptions, type TrainingState } from '@vitvq/training';
import { z } from 'zod';
import { classifierTrainingSchema, type ResolvedClassifierTrainingConfig } from './config.js';
import { classifierKind } from './internal/classifier-task.js';

const configSchema = z.strictObject({ training: classifierTrainingSchema, model: z.unknown() });

/** Content of a checkpoint of a classifier's training besides its weights. */
export interface ClassifierTrainingState extends Omit<TrainingState, 'config' | 'parts' | 'kind'> {
  /** Config of the training with its defaults. */
  readonly config: ResolvedClassifierTrainingConfig;
  /** Config of the classifier; see `ClassifierTrainerOptions.modelConfig`. */
  readonly modelConfig: unknown;
}

/**
 * Reads the state of a classifier's training from a checkpoint, and none of its weights.
 * @param directoryOrFile  a file, or a folder whose newest checkpoint is read
 * @throws {DataError} when there is none, or it is damaged
 * @throws {ConfigError} when it is of another kind of training
 */
export async function readClassifierTraining(directoryOrFile: string): Promise<ClassifierTrainingState> {
  const {
    config: { training, model },
    parts: _parts,
    kind: _kind,
    ...state
  } = await readTrainingState(directoryOrFile, classifierKind, configSchema);
  return { ...state, config: training, modelConfig: model };
}

/**
 * Reads a classifier's weights from a checkpoint of its training, for
 * `classifier.loadVariables(...)`.
 * @param directoryOrFile  a file, or a folder whose newest checkpoint is read
 * @throws {DataError} when there is none, or it is damaged
 * @throws {ConfigError} when it is of another kind of training
 */
export function readClassifierWeights(
  directoryOrFile: string,
  options?: TrainedWeightsOptions,
): Promise<Map<string, HostTensor>> {
  return readTrainedWeights(directoryOrFile, { kind: classifierKind, part: 'model' }, options);
}
