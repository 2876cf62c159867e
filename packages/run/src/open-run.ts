import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findModelFolders, resolveModelFolder, type FoundModelFolders } from '@vitvq/checkpoint';
import { DataError } from '@vitvq/core';
import { loadTokenizer } from '@vitvq/tokenizer/node';
import type { VQTokenizer } from '@vitvq/tokenizer';
import { readRunConfig } from './config/read-run-config.js';
import type { ResolvedRunConfig } from './config/run-config.js';
import { findModel } from './find-model.js';
import { loadConditioned, type OwnedTransformer } from './load-conditioned.js';
import { runConfigFile } from './run-files.js';

/** A run, or a model, that lies in a folder. */
export interface OpenedRun {
  readonly path: string;
  /** Config of the run; undefined for a model folder. */
  readonly config: ResolvedRunConfig | undefined;
  readonly folders: FoundModelFolders;
}

/**
 * Opens a run or a model: the folder that `trainRun` wrote, a model folder, or `owner/name` on a
 * hub.
 * @throws {DataError} when there is no model
 */
export async function openRun(source: string): Promise<OpenedRun> {
  const file = join(source, runConfigFile);
  const isRun = existsSync(file) && existsSync(join(source, 'settings.json'));
  const config = isRun ? await readRunConfig(file) : undefined;
  const path = await resolveModelFolder(source);
  // A run may use a tokenizer that lies elsewhere.
  const from = config && 'from' in config.tokenizer ? config.tokenizer.from : undefined;
  const folders = await findModelFolders(path);
  if (folders.tokenizer !== undefined || from === undefined) return { path, config, folders };
  return { path, config, folders: { ...folders, tokenizer: await findModel(from, 'tokenizer') } };
}

/** Loads the tokenizer of a run; the caller disposes of it. @throws {DataError} when it has none */
export function loadRunTokenizer({ path, folders }: OpenedRun): Promise<VQTokenizer> {
  if (folders.tokenizer === undefined) throw missing(path, 'a tokenizer');
  return loadTokenizer(folders.tokenizer);
}

/**
 * Loads the transformer of a run; the caller disposes of it.
 * @throws {DataError} when it has none
 */
export function loadRunTransformer({ path, folders, config }: OpenedRun): Promise<OwnedTransformer> {
  if (folders.transformer === undefined) throw missing(path, 'a transformer');
  return loadConditioned(folders.transformer, config);
}

/** A tokenizer and a transformer that were loaded together. */
export interface LoadedModels extends OwnedTransformer {
  readonly tokenizer: VQTokenizer;
}

/** Loads a tokenizer and a transformer; where the second one fails, the first one is freed. */
export async function loadBoth(
  loadTheTokenizer: () => Promise<VQTokenizer>,
  loadTheTransformer: () => Promise<OwnedTransformer>,
): Promise<LoadedModels> {
  const tokenizer = await loadTheTokenizer();
  try {
    const loaded = await loadTheTransformer();
    const dispose = (): void => {
      loaded.dispose();
      tokenizer.dispose();
    };
    return { ...loaded, tokenizer, dispose };
  } catch (error) {
    tokenizer.dispose();
    throw error;
  }
}

function missing(where: string, expected: string): DataError {
  return new DataError({
    where,
    expected: `a run with ${expected}`,
    got: 'one without',
    fix: 'A run leaves its models when their trainings end; one whose config has a section "transformer" trains both.',
  });
}
