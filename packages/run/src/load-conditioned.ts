import { randomKey } from '@vitvq/core';
import type { AnyConditioner } from '@vitvq/transformers';
import { loadTransformer, type LoadedTransformer } from '@vitvq/transformers/node';
import type { ResolvedRunConfig } from './config/run-config.js';
import { closeNetworkConditioner, openNetworkConditioner } from './feature-conditions.js';

/** A transformer with its conditioner, and one call that frees both. */
export interface OwnedTransformer extends LoadedTransformer<AnyConditioner> {
  dispose(): void;
}

/**
 * Loads a transformer whose folder may lack the network that describes images, which the config of
 * its run names.
 * @throws {ConfigError} for a network that is not the one that the model was trained with, and for
 *   such a model without the config of its run
 */
export async function loadConditioned(
  folder: string,
  config: Pick<ResolvedRunConfig, 'transformer'> | undefined,
): Promise<OwnedTransformer> {
  const { condition, model } = config?.transformer ?? {};
  if (condition?.kind !== 'features') {
    const loaded = await loadTransformer(folder);
    return {
      ...loaded,
      dispose: () => {
        loaded.model.dispose();
        if ('embed' in loaded.conditioner) loaded.conditioner.dispose();
      },
    };
  }
  // Its weights are about to be replaced.
  const conditioner = await openNetworkConditioner(condition, model!.dim, randomKey(0));
  try {
    const loaded = await loadTransformer(folder, { conditioner });
    return {
      ...loaded,
      dispose: () => {
        loaded.model.dispose();
        closeNetworkConditioner(conditioner);
      },
    };
  } catch (error) {
    closeNetworkConditioner(conditioner);
    throw error;
  }
}
