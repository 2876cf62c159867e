import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openModel } from '@vitvq/checkpoint';
import { UsageError } from '@vitvq/example-shared';
import { ConfigError, type TokenShape } from '@vitvq/core';
import { loadRunTokenizer, loadRunTransformer, openRun, type OpenedRun } from '@vitvq/run';
import type { VQTokenizer } from '@vitvq/tokenizer';
import { isAnyOrder, isMasked, type AnyConditioner } from '@vitvq/transformers';
import type { LoadedTransformer } from '@vitvq/transformers/node';
import { DEFAULTS, MODEL_FOLDERS } from './config.js';

/** What a run has left. */
export interface Models {
  readonly tokenizer: VQTokenizer;
  /** Undefined where the run trained none. */
  readonly transformer: LoadedTransformer<AnyConditioner> | undefined;
  /** Masked transformer of the brush that is not the run's own; undefined where there is none. */
  readonly brush: LoadedTransformer<AnyConditioner> | undefined;
  /** What the tokenizer was trained on, where its folder says it. */
  readonly trainedOn: string | undefined;
  /** Where they are from. */
  readonly run: OpenedRun;
  dispose(): void;
}

/**
 * The models of a run, and the masked transformer of another one for the brush, if there is one;
 * the caller disposes of them.
 * @throws {UsageError} when there are none @throws {ConfigError} when they do not fit each other,
 * or the page
 * @throws {DataError} when they cannot be read
 */
export async function loadModels(path: string, brushPath?: string): Promise<Models> {
  // A folder that is not there would be looked for on a hub.
  const run = existsSync(path) ? await openRun(path) : undefined;
  if (run?.folders.tokenizer === undefined) {
    throw new UsageError([
      `--run ${path} holds no tokenizer: npm run quickstart makes one (about 5 minutes), npm run pipeline a generator too;`,
      '--smoke tries everything in seconds, with models that know nothing',
    ]);
  }
  const tokenizer = await loadRunTokenizer(run);
  let transformer: LoadedTransformer<AnyConditioner> | undefined;
  let brush: LoadedTransformer<AnyConditioner> | undefined;
  const dispose = (): void => {
    tokenizer.dispose();
    transformer?.model.dispose();
    brush?.model.dispose();
  };
  try {
    if (run.folders.transformer !== undefined) transformer = await loadRunTransformer(run);
    if (transformer) assertFits(transformer, tokenizer, path);
    if (brushPath !== undefined) {
      brush = await loadBrush(brushPath, tokenizer);
      if (transformer) assertSameConditions(brush, transformer, brushPath);
    }
    const opened = await openModel(run.folders.tokenizer);
    await opened.close();
    return { tokenizer, transformer, brush, trainedOn: opened.metadata.trainedOn, run, dispose };
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

/**
 * The masked transformer of a run or a model folder.
 * @throws {UsageError} when there is none
 * @throws {ConfigError} when it does not fit the tokenizer, or the page
 */
async function loadBrush(path: string, tokenizer: VQTokenizer): Promise<LoadedTransformer<AnyConditioner>> {
  const run = existsSync(path) ? await openRun(path) : undefined;
  if (run?.folders.transformer === undefined) throw new UsageError([`--brush ${path} holds no transformer`]);
  const brush = await loadRunTransformer(run);
  try {
    if (!isMasked(brush.model)) {
      throw new ConfigError({
        where: path,
        expected: 'a masked transformer, which draws tokens given all others',
        got: 'one of another kind',
        fix: 'Train one with kind: masked on the same tokenizer.',
      });
    }
    assertFits(brush, tokenizer, path);
    if (run.folders.tokenizer !== undefined) {
      const own = await loadRunTokenizer(run);
      const isSame = await haveSameWeights(own, tokenizer).finally(() => own.dispose());
      if (!isSame) {
        throw new ConfigError({
          where: path,
          expected: 'a run with the tokenizer of the other models, whose codes the brush paints with',
          got: 'one with another tokenizer',
          fix: 'Train the masked transformer on that tokenizer (tokenizer: { from } in its config).',
        });
      }
    }
    return brush;
  } catch (error) {
    brush.model.dispose();
    throw error;
  }
}

async function haveSameWeights(one: VQTokenizer, other: VQTokenizer): Promise<boolean> {
  const others = other.namedVariables();
  const variables = [...one.namedVariables()];
  if (variables.length !== others.size) return false;
  for (const [name, variable] of variables) {
    const values = await variable.data();
    const expected = await others.get(name)?.data();
    if (values.length !== expected?.length || values.some((value, index) => value !== expected[index])) return false;
  }
  return true;
}

/** The page asks for a class once, for images and for parts of them. */
function assertSameConditions(
  brush: LoadedTransformer<AnyConditioner>,
  transformer: LoadedTransformer<AnyConditioner>,
  where: string,
): void {
  const [expected, got] = [transformer, brush].map(({ conditioner }) => JSON.stringify(conditioner.description));
  if (expected === got) return;
  throw new ConfigError({ where, expected: `a transformer that is told the same, ${expected}`, got: String(got) });
}

/** A folder may hold anything: what the page cannot show is told here, not there. */
function assertFits(
  { model, conditioner }: LoadedTransformer<AnyConditioner>,
  tokenizer: VQTokenizer,
  where: string,
): void {
  const tokens = ({ vocabSize, grid, codeDepth }: TokenShape): string =>
    `${vocabSize} codes on a grid of ${grid.join('x')}, ${codeDepth} a position`;
  const [expected, got] = [tokens(tokenizer), tokens(model)];
  if (expected !== got) {
    throw new ConfigError({ where, expected: `a transformer of ${expected}`, got, fix: 'Both must be of one run.' });
  }
  if (isAnyOrder(model)) {
    throw new ConfigError({
      where,
      expected: 'a masked transformer, or one that draws row by row',
      got: 'an any-order transformer',
      fix: 'The page has no sampler for it; vitvq sample draws its images.',
    });
  }
  const { kind } = conditioner.description;
  if (kind !== 'class' && kind !== 'unconditional') {
    throw new ConfigError({
      where,
      expected: 'a transformer that is told a class, or nothing',
      got: `one of kind ${JSON.stringify(kind)}`,
      fix: 'The page has no place to enter that.',
    });
  }
}
