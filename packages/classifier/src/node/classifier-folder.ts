import { join } from 'node:path';
import { openModel, resolveModelFolder, restoreVariables, variableTensors, writeModel } from '@vitvq/checkpoint';
import { DataError, skipInitialization } from '@vitvq/core';
import { ViTClassifier } from '../vit-classifier.js';
import type { ViTClassifierConfig } from '../vit-classifier-config.js';

/** Type of model that the folder of a classifier names. */
const modelType = 'vit-classifier';

/** Options of {@link saveClassifier}. */
export interface SaveClassifierOptions {
  /** Notes for people and programs, such as what the classifier was trained on. @default none */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes a classifier as a model folder, `config.json` and `model.safetensors`, which {@link
 * loadClassifier} reads. Within `trainer.withEMA(...)` the EMA of the weights is written.
 * @throws {DataError} naming the file that cannot be written
 */
export async function saveClassifier(
  folder: string,
  classifier: ViTClassifier,
  { metadata }: SaveClassifierOptions = {},
): Promise<void> {
  const tensors = variableTensors(classifier.namedVariables());
  await writeModel(folder, { type: modelType, config: classifier.config, metadata }, tensors);
}

/** Classifier out of a folder; the caller disposes of it. */
export interface LoadedClassifier {
  readonly classifier: ViTClassifier;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Loads the classifier of a model folder, or of `owner/name` on a hub (see `fetchModel` of
 * @vitvq/checkpoint). The caller disposes of it.
 * @throws {DataError} when the folder holds no classifier or is damaged
 * @throws {ConfigError} naming every problem of its config at once
 * @throws {ShapeError} naming all missing, unexpected and mis-shaped tensors together; for a config
 *   whose model is much larger than what the folder holds, before the model is built
 */
export async function loadClassifier(source: string): Promise<LoadedClassifier> {
  const folder = await resolveModelFolder(source);
  const opened = await openModel(folder);
  try {
    const configFile = join(folder, 'config.json');
    if (opened.type !== modelType) {
      throw new DataError({
        where: configFile,
        expected: `a classifier, of type ${modelType}`,
        got: JSON.stringify(opened.type),
      });
    }
    // Every weight is about to be replaced, and the constructor checks the config.
    const config = opened.config as ViTClassifierConfig;
    const classifier = skipInitialization((key) => new ViTClassifier(config, key, configFile), opened);
    try {
      await restoreVariables(opened, classifier.namedVariables());
    } catch (error) {
      classifier.dispose();
      throw error;
    }
    return { classifier, metadata: opened.metadata };
  } finally {
    await opened.close();
  }
}
