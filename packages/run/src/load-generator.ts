import { openModel, resolveModelFolder } from '@vitvq/checkpoint';
import { DataError } from '@vitvq/core';
import type { VQTokenizer } from '@vitvq/tokenizer';
import { loadTokenizer } from '@vitvq/tokenizer/node';
import type { AnyConditioner, AnyTokenModel } from '@vitvq/transformers';
import { ImageGenerator } from '@vitvq/sampling';
import { loadRunTransformer, openRun } from './open-run.js';

/** Options of {@link loadGenerator}. */
export interface LoadGeneratorOptions {
  /**
   * Tokenizer of the transformer: a folder, or `owner/name`.
   * @default that of the run, or the one that the transformer's metadata names
   */
  readonly tokenizer?: string;
  /** Images in every batch. @default 16 */
  readonly batchSize?: number;
}

/** Models that draw images, ready to use. */
export interface LoadedGenerator {
  readonly tokenizer: VQTokenizer;
  readonly model: AnyTokenModel;
  readonly conditioner: AnyConditioner;
  /** Draws, completes, encodes and decodes images. */
  readonly generator: ImageGenerator;
  /** Disposes of everything. */
  dispose(): void;
}

/**
 * Loads what draws images: the tokenizer and the transformer of a run, or of a transformer on a hub
 * (`owner/name`) and the tokenizer that its metadata names. The current engine computes.
 * @throws {DataError} when there is no transformer, or nobody says which tokenizer is its own
 * @throws {ConfigError} for a tokenizer that does not fit the transformer
 */
export async function loadGenerator(source: string, options: LoadGeneratorOptions = {}): Promise<LoadedGenerator> {
  const { batchSize } = options;
  const run = await openRun(source);
  const { folders } = run;
  if (folders.transformer === undefined) {
    throw new DataError({ where: source, expected: 'a transformer', got: 'none', fix: 'A generator needs one.' });
  }
  const tokenizerSource = options.tokenizer ?? folders.tokenizer ?? (await namedTokenizer(folders.transformer));
  const tokenizer = await loadTokenizer(tokenizerSource);
  const loaded = await loadRunTransformer(run).catch((error: unknown) => {
    tokenizer.dispose();
    throw error;
  });
  const { model, conditioner } = loaded;
  try {
    const generator = new ImageGenerator({ model, conditioner, tokenizer, ...(batchSize && { batchSize }) });
    const dispose = (): void => {
      generator.dispose();
      loaded.dispose();
      tokenizer.dispose();
    };
    return { tokenizer, model, conditioner, generator, dispose };
  } catch (error) {
    loaded.dispose();
    tokenizer.dispose();
    throw error;
  }
}

/** Returns the tokenizer that a transformer's metadata names. @throws {DataError} */
async function namedTokenizer(folder: string): Promise<string> {
  const opened = await openModel(await resolveModelFolder(folder));
  await opened.close();
  const { tokenizer } = opened.metadata;
  if (tokenizer !== undefined) return tokenizer;
  throw new DataError({
    where: folder,
    expected: 'metadata that name the tokenizer of the transformer',
    got: 'none',
    fix: 'Pass { tokenizer }: a folder, or owner/name.',
  });
}
