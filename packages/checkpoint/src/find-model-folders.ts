import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { openModel } from './model-folder.js';

/** What a model is in a run. */
export type ModelRole = 'tokenizer' | 'transformer';

const roles: Readonly<Record<string, ModelRole>> = {
  'vq-tokenizer': 'tokenizer',
  gpt: 'transformer',
  'rq-transformer': 'transformer',
  rar: 'transformer',
  masked: 'transformer',
  'any-order': 'transformer',
};

/** Returns what a model is in a run, by the `type` of its config.json; undefined for others. */
export function modelRoleOf(type: string): ModelRole | undefined {
  return Object.hasOwn(roles, type) ? roles[type] : undefined;
}

/** Folders of the models of a run. */
export interface FoundModelFolders {
  readonly tokenizer?: string;
  readonly transformer?: string;
}

/**
 * Finds the model folders of a run: the folder itself, its `model`, or the `model` of a stage
 * (`tokenizer/model`, `transformer/model`).
 * @throws {DataError} when there is no model, or two of one kind
 */
export async function findModelFolders(folder: string): Promise<FoundModelFolders> {
  const found: { tokenizer?: string; transformer?: string } = {};
  for (const candidate of await candidates(folder)) {
    const model = await openModel(candidate);
    await model.close();
    const role = modelRoleOf(model.type);
    if (role === undefined) continue;
    if (found[role] !== undefined) {
      throw new DataError({
        where: folder,
        expected: `one ${role}`,
        got: `${found[role]} and ${candidate}`,
        fix: 'Name the folder of the one that is meant.',
      });
    }
    found[role] = candidate;
  }
  if (!found.tokenizer && !found.transformer) {
    throw new DataError({
      where: folder,
      expected: 'a model folder (config.json, model.safetensors), or a run that left one in model or in a folder below',
      got: 'none',
      fix: 'Trainings leave one when they end; saveTokenizer and saveTransformer write one.',
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
