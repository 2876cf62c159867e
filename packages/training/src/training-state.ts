import { z } from 'zod';
import type { CheckpointState } from '@vitvq/checkpoint';
import { parseOptions } from '@vitvq/core';

const stateSchema = z.strictObject({
  kind: z.string(),
  configuration: z.record(z.string(), z.unknown()),
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
  task: z.unknown(),
  notes: z.unknown(),
});

/** What a checkpoint of {@link Trainer} says besides its variables. */
export interface TrainingState extends Readonly<z.output<typeof stateSchema>> {
  readonly step: number;
}

/**
 * Reads the state of a checkpoint.
 * @param kind  the task's
 * @throws {ConfigError} when the checkpoint is of another kind of training or holds no such state, naming every problem
 */
export function trainingStateOf({ file, step, state }: CheckpointState, kind: string): TrainingState {
  const schema = stateSchema.extend({ kind: z.literal(kind) });
  return { step, ...parseOptions(schema, state, `${file} (training state)`) };
}
