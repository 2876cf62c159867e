import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '@vitvq/example-shared';
import type { VQTokenizer } from '@vitvq/tokenizer';
import { loadTokenizer } from '@vitvq/tokenizer/node';
import type { AutoregressiveModel, Conditioner } from '@vitvq/transformers';
import { loadTransformer, type LoadedTransformer } from '@vitvq/transformers/node';
import { MODEL_FOLDERS } from './config.js';

/** What completes images. */
export interface Models {
  readonly tokenizer: VQTokenizer;
  readonly transformer: AutoregressiveModel;
  readonly conditioner: Conditioner;
  dispose(): void;
}

/**
 * The models of a run; the caller disposes of them.
 * @throws {UsageError} when there are none
 */
export async function loadModels(run: string): Promise<Models> {
  const folders = [join(run, MODEL_FOLDERS.tokenizer), join(run, MODEL_FOLDERS.transformer)] as const;
  const missing = folders.filter((folder) => !existsSync(join(folder, 'config.json')));
  if (missing.length > 0) {
    throw new UsageError([
      `--run ${run} holds no model in ${missing.join(' and ')}: npm run pipeline makes them first (about 15 minutes);`,
      '--smoke tries everything in seconds, with models that have learned nothing',
    ]);
  }
  const tokenizer = await loadTokenizer(folders[0]);
  let loaded: LoadedTransformer | undefined;
  try {
    loaded = await loadTransformer(folders[1]);
    const { model, conditioner } = loaded;
    const dispose = (): void => {
      tokenizer.dispose();
      model.dispose();
    };
    return { tokenizer, transformer: model, conditioner, dispose };
  } catch (error) {
    tokenizer.dispose();
    loaded?.model.dispose();
    throw error;
  }
}

/**
 * Condition tokens of classes, none where it is undefined; undefined where all are, as
 * @vitvq/transformers has it.
 */
export async function conditionsOf(
  conditioner: Conditioner,
  labels: readonly (number | undefined)[],
): Promise<Int32Array | undefined> {
  if (labels.every((label) => label === undefined)) return undefined;
  const { length, nullTokens } = conditioner;
  const known = Int32Array.from(labels, (label) => label ?? 0);
  const encoded = await conditioner.ofBatch({ tokens: new Int32Array(), shape: [labels.length], labels: known });
  labels.forEach((label, row) => {
    if (label === undefined) encoded.set(nullTokens, row * length);
  });
  return encoded;
}
