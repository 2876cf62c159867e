import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';

const tokenizerTypes: readonly string[] = ['vq-tokenizer'];
const transformerTypes: readonly string[] = ['gpt', 'rq-transformer'];

/** Folders of the models of a run. */
export interface FoundModels {
  readonly tokenizer?: string;
  readonly transformer?: string;
}

/**
 * Finds the model folders of a run: the folder itself, its `model`, or the `model` of a stage
 * (`tokenizer/model`, `gpt/model`).
 * @throws {DataError} when there is no model, or two of one kind
 */
export async function findModels(folder: string): Promise<FoundModels> {
  const { openModel } = await import('@vitvq/checkpoint');
  const found: { tokenizer?: string; transformer?: string } = {};
  for (const candidate of await candidates(folder)) {
    const model = await openModel(candidate);
    await model.close();
    const kind = tokenizerTypes.includes(model.type)
      ? 'tokenizer'
      : transformerTypes.includes(model.type)
        ? 'transformer'
        : undefined;
    if (!kind) continue;
    if (found[kind] !== undefined) {
      throw new DataError({
        where: folder,
        expected: `one ${kind}`,
        got: `${found[kind]} and ${candidate}`,
        fix: 'Name the folder of the one that is meant.',
      });
    }
    found[kind] = candidate;
  }
  if (!found.tokenizer && !found.transformer) {
    throw new DataError({
      where: folder,
      expected: 'a model folder (config.json, model.safetensors), or a run that left one in model or in a folder below',
      got: 'none',
      fix: 'Trainings of the quickstart and the pipeline leave one when they end; saveTokenizer and saveTransformer write one.',
    });
  }
  return found;
}

/** Returns the folders that may be model folders and have a config.json. */
async function candidates(folder: string): Promise<string[]> {
  const below = await fs.readdir(folder, { withFileTypes: true }).catch(() => []);
  const stages = below.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name, 'model'));
  const checked = await Promise.all(
    [folder, join(folder, 'model'), ...stages].map(async (path) => {
      const isThere = await fs.access(join(path, 'config.json')).then(
        () => true,
        () => false,
      );
      return isThere ? path : undefined;
    }),
  );
  return checked.filter((path) => path !== undefined);
}
