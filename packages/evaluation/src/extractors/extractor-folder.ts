import { join } from 'node:path';
import { openModel, restoreVariables, variableTensors, writeModel } from '@vitvq/checkpoint';
import { checkOptions, DataError, parseOptions, skipInitialization, type OptionTable } from '@vitvq/core';
import type { ExtractorNetwork } from './extractor-network.js';
import { featureExtractorKinds, rowOf, type FeatureExtractorKind, type FeatureExtractorOf } from './kinds.js';

/** Type of model that the folder of a feature extractor names. */
const modelType = 'feature-extractor';

/** Options of {@link saveFeatureExtractor}. */
export interface SaveFeatureExtractorOptions {
  /** Notes for people and programs, such as the file that the weights came from. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const saveOptionNames: OptionTable<SaveFeatureExtractorOptions> = { metadata: 'optional' };

/**
 * Writes a feature extractor as a model folder, `config.json` and `model.safetensors`, with the
 * hash of the network among the metadata.
 * @throws {DataError} naming the file that cannot be written
 * @throws {ConfigError} when no weights were loaded
 */
export async function saveFeatureExtractor(
  folder: string,
  extractor: ExtractorNetwork,
  options: SaveFeatureExtractorOptions = {},
): Promise<void> {
  const { metadata } = checkOptions(options, saveOptionNames, 'saveFeatureExtractor');
  const { config, hash } = extractor;
  const description = { type: modelType, config, metadata: { ...metadata, hash } };
  await writeModel(folder, description, variableTensors(extractor.namedVariables()));
}

/**
 * Loads the feature extractor of a folder that {@link saveFeatureExtractor} wrote. The caller
 * disposes of it.
 * @param kind  kind that is wanted, where another one is a mistake @default any
 * @throws {DataError} when the folder holds none, another kind, or a network with another hash
 * @throws {ConfigError} naming every problem of its config
 * @throws {ShapeError} naming all missing, unexpected and mis-shaped tensors together
 */
export async function loadFeatureExtractor<K extends FeatureExtractorKind = FeatureExtractorKind>(
  folder: string,
  kind?: K,
): Promise<FeatureExtractorOf<K>> {
  const opened = await openModel(folder);
  try {
    const where = join(folder, 'config.json');
    const found = opened.type === modelType ? (opened.config as { kind?: unknown } | null)?.kind : undefined;
    if (typeof found !== 'string' || !Object.hasOwn(featureExtractorKinds, found) || (kind ?? found) !== found) {
      throw new DataError({
        where,
        expected: `a feature extractor${kind === undefined ? '' : `, of kind ${kind}`}`,
        got: JSON.stringify(typeof found === 'string' ? found.slice(0, 80) : opened.type),
        fix: 'importFeatureExtractor makes one of a file of weights.',
      });
    }
    const { schema, create } = rowOf(found as FeatureExtractorKind);
    const config = parseOptions(schema, opened.config, where);
    const network = skipInitialization((key) => create(config, key), opened);
    try {
      await restoreVariables(opened, network.namedVariables());
      await network.seal();
      const { hash: expected } = opened.metadata;
      if (expected !== network.hash) {
        throw new DataError({
          where: folder,
          expected: `a network with SHA-256 ${expected ?? 'in the metadata'}`,
          got: network.hash,
          fix: 'Its weights were changed or damaged: import them again.',
        });
      }
    } catch (error) {
      network.dispose();
      throw error;
    }
    return network as FeatureExtractorOf<K>;
  } finally {
    await opened.close();
  }
}
