import { existsSync } from 'node:fs';
import { UsageError } from '@vitvq/example-shared';
import { loadRunTokenizer, loadRunTransformer, openRun, type OpenedRun } from '@vitvq/run';
import type { VQTokenizer } from '@vitvq/tokenizer';
import { isAnyOrder, isMasked, type AutoregressiveModel, type Conditioner } from '@vitvq/transformers';

/** What completes images. */
export interface Models {
  readonly tokenizer: VQTokenizer;
  readonly transformer: AutoregressiveModel;
  readonly conditioner: Conditioner;
  /** Where they are from. */
  readonly run: OpenedRun;
  dispose(): void;
}

/**
 * The models of a run; the caller disposes of them.
 * @throws {UsageError} when there are none, and for tokens that are one row
 * @throws {DataError} when they cannot be read
 */
export async function loadModels(path: string): Promise<Models> {
  // A folder that is not there would be looked for on a hub.
  const run = existsSync(path) ? await openRun(path) : undefined;
  const missing = (['tokenizer', 'transformer'] as const).filter((role) => run?.folders[role] === undefined);
  if (run === undefined || missing.length > 0) {
    throw new UsageError([
      `--run ${path} holds no model (${missing.join(' and ')}): npm run pipeline makes them first (about 20 minutes);`,
      '--smoke tries everything in seconds, with models that have learned nothing',
    ]);
  }
  const tokenizer = await loadRunTokenizer(run);
  try {
    const loaded = await loadRunTransformer(run);
    const { model: transformer, conditioner } = loaded;
    if ('embed' in conditioner) {
      loaded.dispose();
      throw new UsageError([
        `--run ${path}: its transformer is one of vectors of a network; this example knows classes and texts`,
      ]);
    }
    if (isMasked(transformer) || isAnyOrder(transformer)) {
      loaded.dispose();
      throw new UsageError([
        `--run ${path}: its transformer is not one of raster order, whose completions this example compares`,
      ]);
    }
    if (transformer.grid[0] === 1) {
      loaded.dispose();
      throw new UsageError([
        `--run ${path}: its tokens are one row of ${transformer.grid[1]}, as those of a 1-D tokenizer, without an upper half`,
      ]);
    }
    const dispose = (): void => {
      tokenizer.dispose();
      loaded.dispose();
    };
    return { tokenizer, transformer, conditioner, run, dispose };
  } catch (error) {
    tokenizer.dispose();
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
