import { z } from 'zod';
import { readCheckpointState, type CheckpointState } from '@vitvq/checkpoint';
import { parseOptions } from '@vitvq/core';

const stateSchema = z.strictObject({
  kind: z.string(),
  config: z.record(z.string(), z.unknown()),
  elapsedSeconds: z.number().min(0),
  dataPosition: z.int().min(0),
  dataFingerprint: z.string().nullable(),
  skippedSteps: z.int().min(0),
  skippedInRow: z.int().min(0),
  evaluatedStep: z.int().min(0).nullable(),
  best: z
    .strictObject({
      metric: z.string(),
      value: z.number(),
      step: z.int().min(0),
      file: z.string().optional(),
    })
    .nullable(),
  parts: z.record(z.string(), z.unknown()),
  notes: z.unknown(),
});

/** Content of a training checkpoint besides its variables. */
export interface TrainingState extends Readonly<z.output<typeof stateSchema>> {
  readonly step: number;
}

/**
 * Reads the state of a checkpoint that is open.
 * @param kind  the task's
 * @throws {ConfigError} when the checkpoint is of another kind of training or holds no such state,
 *   naming every problem
 */
export function trainingStateOf({ file, step, state }: CheckpointState, kind: string): TrainingState {
  const schema = stateSchema.extend({ kind: z.literal(kind) });
  return { step, ...parseOptions(schema, state, `${file} (training state)`) };
}

/**
 * Reads the state of a checkpoint, and none of its variables.
 * @param directoryOrFile  a file, or a folder whose newest checkpoint is read
 * @param kind  kind of training, as the task names it
 * @param configSchema  schema of the task's config; it fills in the defaults
 * @throws {DataError} when there is none, or it is damaged
 * @throws {ConfigError} when it is of another kind of training
 */
export async function readTrainingState<S extends z.ZodType>(
  directoryOrFile: string,
  kind: string,
  configSchema: S,
): Promise<Omit<TrainingState, 'config'> & { readonly config: z.output<S> }> {
  const checkpoint = await readCheckpointState(directoryOrFile);
  const { config, ...state } = trainingStateOf(checkpoint, kind);
  return { ...state, config: parseOptions(configSchema, config, `${checkpoint.file} (training config)`) };
}
