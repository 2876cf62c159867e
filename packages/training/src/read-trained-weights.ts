import { openCheckpoint } from '@vitvq/checkpoint';
import { assertOneOf, checkOptions, type HostTensor, type OptionTable } from '@vitvq/core';
import { trainingStateOf } from './training-state.js';

/** Choice between the weights of a checkpoint. */
export interface TrainedWeightsOptions {
  /**
   * `ema`: the moving average, where the training kept one. `last`: the weights of the last step.
   * @default 'ema'
   */
  readonly which?: 'ema' | 'last';
}

/** Place of a model's weights in the checkpoints of a training. */
export interface TrainedWeightsPlace {
  /** Kind of training, as the task names it. */
  readonly kind: string;
  /** Part of the task that holds the weights. */
  readonly part: string;
  /** Prefix of the weights' names in the part `ema`. @default '' */
  readonly emaPrefix?: string;
}

const trainedWeightsPlaceNames: OptionTable<TrainedWeightsPlace> = {
  kind: 'required',
  part: 'required',
  emaPrefix: 'optional',
};

const trainedWeightsOptionNames: OptionTable<TrainedWeightsOptions> = {
  which: 'optional',
};

/**
 * Reads the weights of a model from a checkpoint, by the model's own names.
 * @param directoryOrFile  a file, or a folder whose newest checkpoint is read
 * @throws {DataError} when there is none, or it is damaged
 * @throws {ConfigError} when it is of another kind of training
 */
export async function readTrainedWeights(
  directoryOrFile: string,
  place: TrainedWeightsPlace,
  options: TrainedWeightsOptions = {},
): Promise<Map<string, HostTensor>> {
  const where = 'readTrainedWeights';
  const { kind, part, emaPrefix = '' } = checkOptions(place, trainedWeightsPlaceNames, `${where}, place`);
  const { which = 'ema' } = checkOptions(options, trainedWeightsOptionNames, where);
  assertOneOf(which, ['ema', 'last'], 'which', where);
  const checkpoint = await openCheckpoint(directoryOrFile);
  try {
    trainingStateOf(checkpoint, kind);
    const entries = new Map(checkpoint.entries.map((entry) => [entry.name, entry]));
    const prefix = `${part}.`;
    const weights = new Map<string, HostTensor>();
    for (const [name, last] of entries) {
      if (!name.startsWith(prefix)) continue;
      const own = name.slice(prefix.length);
      const average = which === 'ema' ? entries.get(`ema.average.${emaPrefix}${own}`) : undefined;
      weights.set(own, await checkpoint.read(average ?? last));
    }
    return weights;
  } finally {
    await checkpoint.close();
  }
}
