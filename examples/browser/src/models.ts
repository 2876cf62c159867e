import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openModel } from '@vitvq/checkpoint';
import { UsageError } from '@vitvq/example-shared';
import { ConfigError } from '@vitvq/core';
import { loadRunTokenizer, loadRunTransformer, openRun, type OpenedRun } from '@vitvq/run';
import type { VQTokenizer } from '@vitvq/tokenizer';
import type { LoadedTransformer } from '@vitvq/transformers/node';
import { DEFAULTS, MODEL_FOLDERS } from './config.js';

/** What a run has left. */
export interface Models {
  readonly tokenizer: VQTokenizer;
  /** Undefined where the run trained none. */
  readonly transformer: LoadedTransformer | undefined;
  /** What the tokenizer was trained on, where its folder says it. */
  readonly trainedOn: string | undefined;
  /** Where they are from. */
  readonly run: OpenedRun;
  dispose(): void;
}

/**
 * The models of a run; the caller disposes of them.
 * @throws {UsageError} when there are none @throws {ConfigError} when they do not fit each other,
 * or the page
 * @throws {DataError} when they cannot be read
 */
export async function loadModels(path: string): Promise<Models> {
  // A folder that is not there would be looked for on a hub.
  const run = existsSync(path) ? await openRun(path) : undefined;
  if (run?.folders.tokenizer === undefined) {
    throw new UsageError([
      `--run ${path} holds no tokenizer: npm run quickstart makes one (about 5 minutes), npm run pipeline a generator too;`,
      '--smoke tries everything in seconds, with models that know nothing',
    ]);
  }
  const tokenizer = await loadRunTokenizer(run);
  let transformer: LoadedTransformer | undefined;
  const dispose = (): void => {
    tokenizer.dispose();
    transformer?.model.dispose();
  };
  try {
    if (run.folders.transformer !== undefined) transformer = await loadRunTransformer(run);
    assertFit({ tokenizer, transformer }, path);
    const opened = await openModel(run.folders.tokenizer);
    await opened.close();
    return { tokenizer, transformer, trainedOn: opened.metadata.trainedOn, run, dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** The usual run whose tokenizer is the newest. @throws {UsageError} when there is none */
export function newestRun(runs: readonly string[] = DEFAULTS.runs): string {
  const ages = runs.flatMap((run) => {
    const found = statSync(join(run, MODEL_FOLDERS.tokenizer, 'config.json'), { throwIfNoEntry: false });
    return found ? [{ run, time: found.mtimeMs }] : [];
  });
  const [newest] = ages.sort((a, b) => b.time - a.time);
  if (newest) return newest.run;
  throw new UsageError([
    `there is no model in ${runs.join(', ')}: npm run quickstart makes one (about 5 minutes), npm run pipeline a generator too;`,
    '--run names another folder, --smoke tries everything in seconds, with models that know nothing',
  ]);
}

/** A folder may hold anything: what the page cannot show is told here, not there. */
function assertFit({ tokenizer, transformer }: Pick<Models, 'tokenizer' | 'transformer'>, where: string): void {
  if (!transformer) return;
  const { vocabSize, grid, codeDepth } = transformer.model;
  const tokens = (codes: number, shape: readonly number[], depth: number): string =>
    `${codes} codes on a grid of ${shape.join('x')}, ${depth} a position`;
  const expected = tokens(tokenizer.vocabSize, tokenizer.grid, tokenizer.codeDepth);
  const got = tokens(vocabSize, grid, codeDepth);
  if (expected !== got) {
    throw new ConfigError({ where, expected: `a transformer of ${expected}`, got, fix: 'Both must be of one run.' });
  }
  const { kind } = transformer.conditioner.description;
  if (kind !== 'class' && kind !== 'unconditional') {
    throw new ConfigError({
      where,
      expected: 'a transformer that is told a class, or nothing',
      got: `one of kind ${JSON.stringify(kind)}`,
      fix: 'The page has no place to enter that.',
    });
  }
}
