import { parseOptions, type HostTensor } from '@vitvq/core';
import { readTrainedWeights, readTrainingState, type TrainedWeightsOptions, type TrainingState } from '@vitvq/training';
import { z } from 'zod';
import { tokenizerTrainingSchema, type ResolvedTokenizerTrainingConfig } from './config.js';
import { phaseSchema, type Phase } from './internal/phase.js';
import { tokenizerKind } from './internal/tokenizer-task.js';

const configSchema = z.strictObject({
  training: tokenizerTrainingSchema,
  losses: z.record(z.string(), z.number()),
  adversarialLoss: z.string().nullable(),
  model: z.unknown(),
  alignment: z.string().optional(),
});

/** Content of a checkpoint of a tokenizer's training besides its weights. */
export interface TokenizerTrainingState extends Omit<TrainingState, 'config' | 'parts' | 'kind'> {
  /** Config of the training with its defaults. */
  readonly config: ResolvedTokenizerTrainingConfig;
  /** Weights of the caller's own loss terms, by name. */
  readonly losses: Readonly<Record<string, number>>;
  /** Name of the adversarial loss; null without a discriminator, and for a loss that has none. */
  readonly adversarialLoss: string | null;
  /** Name of the features that latents are aligned with, where they are. */
  readonly alignment?: string;
  /** Config of the model; see `TokenizerTrainerOptions.modelConfig`. */
  readonly modelConfig: unknown;
  /** What of the training has started. */
  readonly phase: Phase;
}

/**
 * Reads the state of a tokenizer's training from a checkpoint, and none of its weights.
 * @param directoryOrFile  a file, or a folder whose newest checkpoint is read
 * @throws {DataError} when there is none, or it is damaged
 * @throws {ConfigError} when it is of another kind of training
 */
export async function readTokenizerTraining(directoryOrFile: string): Promise<TokenizerTrainingState> {
  const {
    config,
    parts,
    kind: _kind,
    ...state
  } = await readTrainingState(directoryOrFile, tokenizerKind, configSchema);
  const { training, losses, adversarialLoss, model, alignment } = config;
  const phase = parseOptions(phaseSchema, parts['phase'], `${directoryOrFile} (phase)`);
  return {
    ...state,
    config: training,
    losses,
    adversarialLoss,
    ...(alignment !== undefined && { alignment }),
    modelConfig: model,
    phase,
  };
}

/**
 * Reads a tokenizer's weights from a checkpoint of its training, for
 * `tokenizer.loadVariables(...)`.
 * @param directoryOrFile  a file, or a folder whose newest checkpoint is read
 * @throws {DataError} when there is none, or it is damaged
 * @throws {ConfigError} when it is of another kind of training
 */
export function readTokenizerWeights(
  directoryOrFile: string,
  options?: TrainedWeightsOptions,
): Promise<Map<string, HostTensor>> {
  return readTrainedWeights(directoryOrFile, { kind: tokenizerKind, part: 'tokenizer' }, options);
}
