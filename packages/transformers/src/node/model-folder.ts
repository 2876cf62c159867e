import { join } from 'node:path';
import { openModel, resolveModelFolder, restoreVariables, variableTensors, writeModel } from '@vitvq/checkpoint';
import { assertFitsBudget, ConfigError, parseOptions, skipInitialization, type RandomKey } from '@vitvq/core';
import { CaptionConditioner } from '../conditioners/caption-conditioner.js';
import { ClassConditioner } from '../conditioners/class-conditioner.js';
import type { AnyConditioner, Conditioner } from '../conditioners/conditioner.js';
import { TextConditioner } from '../conditioners/text-conditioner.js';
import { textTokenizerFromJson } from '../conditioners/text-tokenizer.js';
import { Unconditional } from '../conditioners/unconditional.js';
import { AnyOrderTransformer } from '../any-order-transformer.js';
import { GPT } from '../gpt.js';
import { MaskedTransformer } from '../masked-transformer.js';
import { variablesWithConditioner } from '../conditioners/condition-input.js';
import { assertConditionerFits, assertSameDescription } from '../conditioners/conditioner-fit.js';
import {
  gptFolderSchema,
  orderFreeFolderSchema,
  rarFolderSchema,
  rqTransformerFolderSchema,
  type FolderConditioner,
  type FolderConfig,
} from '../internal/model-folder-schema.js';
import type { AnyTransformer } from '../create-transformer.js';
import { RAR } from '../rar.js';
import { RQTransformer } from '../rq-transformer.js';
import type { RQTransformerConfig } from '../transformer-config.js';

/** Options of {@link saveTransformer}. */
export interface SaveTransformerOptions {
  /**
   * Notes for people and programs: where the weights come from, their licence, what they reach.
   * @default none
   */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes a transformer and its conditioner as a model folder, in the layout of model hubs:
 * `config.json`, which builds both again, and `model.safetensors` with the model's present weights.
 * To save the EMA weights of a training, call it within `trainer.withEMA(...)`, or after
 * `model.loadVariables(await readTransformerWeights(directory))`.
 *
 * A text conditioner is saved with its vocabulary, a `CaptionConditioner` with its weights. Of a
 * `CodeConditioner` or a conditioner of one's
 * own, the description and the weights are saved; pass such a conditioner to {@link
 * loadTransformer}.
 * @throws {ConfigError} when the conditioner does not fit the model
 * @throws {DataError} when the folder cannot be written
 */
export async function saveTransformer(
  folder: string,
  model: AnyTransformer,
  conditioner: AnyConditioner,
  { metadata }: SaveTransformerOptions = {},
): Promise<void> {
  assertConditionerFits(conditioner, model, 'saveTransformer');
  const config: FolderConfig<AnyTransformer['config']> = {
    model: model.config,
    conditioner: conditioner.config ?? {
      kind: 'given',
      description: conditioner.description,
    },
  };
  const tensors = variableTensors(variablesWithConditioner(model, conditioner));
  await writeModel(folder, { type: model.type, config, metadata }, tensors);
}

/** Conditioner that a folder holds. */
export type SavedConditioner = Conditioner | CaptionConditioner;

/** Options of {@link loadTransformer}. */
export interface LoadTransformerOptions<C extends AnyConditioner = SavedConditioner> {
  /**
   * Conditioner to use instead of the folder's, needed where the folder does not hold it (a
   * `CodeConditioner`, one's own). Its description must equal the saved one; its weights are
   * restored. @default the folder's
   */
  readonly conditioner?: C;
}

/**
 * Transformer out of a folder; the caller disposes of the model, and of a conditioner that has
 * weights.
 */
export interface LoadedTransformer<C extends AnyConditioner = SavedConditioner> {
  readonly model: AnyTransformer;
  /**
   * The conditioner that was passed, or a `ClassConditioner`, `TextConditioner`,
   * `CaptionConditioner` or `Unconditional` as it was saved.
   */
  readonly conditioner: C;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Loads a transformer and its conditioner from a folder that {@link saveTransformer} wrote, or of
 * `owner/name` on a hub (see `fetchModel` of @vitvq/checkpoint).
 * @throws {ConfigError} for a folder of another type of model, naming all problems of a
 *   configuration, or when the conditioner that is given differs from the one that was saved
 * @throws {ShapeError} naming all tensors that are missing, unexpected or of another shape; for a
 *   configuration whose model is much larger than what the folder holds, before it is built
 * @throws {DataError} when the folder is none, or is damaged
 */
export function loadTransformer(folder: string): Promise<LoadedTransformer>;
export function loadTransformer<C extends AnyConditioner = SavedConditioner>(
  folder: string,
  options: LoadTransformerOptions<C>,
): Promise<LoadedTransformer<C>>;
export async function loadTransformer(
  source: string,
  { conditioner: given }: LoadTransformerOptions<AnyConditioner> = {},
): Promise<LoadedTransformer<AnyConditioner>> {
  const folder = await resolveModelFolder(source);
  const opened = await openModel(folder);
  try {
    const { type, config, metadata } = opened;
    const saved = parseFolder(type, config, folder);
    // Every weight is about to be replaced.
    const { model, conditioner } = skipInitialization(
      (key) => ({ conditioner: conditionerOf(saved.conditioner, given, folder, key), model: saved.createModel(key) }),
      opened,
    );
    try {
      assertConditionerFits(conditioner, model, folder);
      await restoreVariables(opened, variablesWithConditioner(model, conditioner));
    } catch (error) {
      model.dispose();
      if (conditioner !== given && conditioner instanceof CaptionConditioner) conditioner.dispose();
      throw error;
    }
    return { model, conditioner, metadata };
  } finally {
    await opened.close();
  }
}

interface ParsedFolder {
  readonly conditioner: FolderConditioner;
  readonly createModel: (key: RandomKey) => AnyTransformer;
}

/** @throws {ConfigError} */
function parseFolder(type: string, config: unknown, folder: string): ParsedFolder {
  const where = join(folder, 'config.json');
  switch (type) {
    case 'gpt': {
      const { model, conditioner } = parseOptions(gptFolderSchema, config, where);
      return {
        conditioner,
        createModel: (key) => {
          assertBlocksFit(key, model.depth);
          return new GPT({ ...model, key });
        },
      };
    }
    case 'rq-transformer': {
      const { model, conditioner } = parseOptions(rqTransformerFolderSchema, config, where);
      return {
        conditioner,
        createModel: (key) => {
          assertBlocksFit(key, model.spatial.depth);
          assertBlocksFit(key, model.depth.depth);
          assertPositionsFit(key, model);
          return new RQTransformer({ ...model, key });
        },
      };
    }
    case 'masked':
    case 'any-order': {
      const { model, conditioner } = parseOptions(orderFreeFolderSchema, config, where);
      return {
        conditioner,
        createModel: (key) => {
          assertBlocksFit(key, model.depth);
          const options = { ...model, key };
          return type === 'masked' ? new MaskedTransformer(options) : new AnyOrderTransformer(options);
        },
      };
    }
    case 'rar': {
      const { model, conditioner } = parseOptions(rarFolderSchema, config, where);
      return {
        conditioner,
        createModel: (key) => {
          assertBlocksFit(key, model.depth);
          return new RAR({ ...model, key });
        },
      };
    }
    default:
      throw new ConfigError({
        where,
        expected: 'a model of type gpt, rq-transformer, rar, masked or any-order',
        got: `"${type}"`,
        fix: 'Tokenizers are loaded by loadTokenizer of @vitvq/tokenizer/node.',
      });
  }
}

/** @throws {ShapeError} */
function assertBlocksFit(key: RandomKey, depth: number): void {
  assertFitsBudget(key, { variables: depth }, `${depth} blocks`);
}

/**
 * An `RQTransformer` draws its tables of positions, also where nothing else is drawn.
 * @throws {ShapeError}
 */
function assertPositionsFit(
  key: RandomKey,
  { conditionLength, grid, positions, codeDepth, dim }: RQTransformerConfig,
): void {
  const tables = { sequence: [grid[0] * grid[1]], grid, rotary: [] }[positions];
  for (const rows of [conditionLength, ...tables, codeDepth - 1]) {
    assertFitsBudget(key, { elements: rows * dim }, `a table of positions [${rows}, ${dim}]`);
  }
}

/** @throws {ConfigError} when one must be given, or the given one differs */
function conditionerOf(
  saved: FolderConditioner,
  given: AnyConditioner | undefined,
  where: string,
  key: RandomKey,
): AnyConditioner {
  if (!given) {
    return saved.kind === 'captions' ? new CaptionConditioner({ ...saved, key }) : conditionerFrom(saved, where);
  }
  const expected = descriptionOf(saved, where);
  assertSameDescription(given, expected, where, 'the model was saved with');
  return given;
}

function descriptionOf(saved: FolderConditioner, where: string): unknown {
  switch (saved.kind) {
    case 'given':
      return saved.description;
    case 'captions':
      return saved;
    default:
      return conditionerFrom(saved, where).description;
  }
}

/** @throws {ConfigError} when the folder does not hold it */
function conditionerFrom(saved: Exclude<FolderConditioner, { readonly kind: 'captions' }>, where: string): Conditioner {
  switch (saved.kind) {
    case 'unconditional':
      return new Unconditional();
    case 'class':
      return new ClassConditioner(saved);
    case 'text':
      return new TextConditioner({
        length: saved.length,
        tokenizer: textTokenizerFromJson(saved.tokenizer, `${where} (conditioner.tokenizer)`),
      });
    case 'given':
      throw new ConfigError({
        where,
        expected: `to be given the conditioner ${JSON.stringify(saved.description)}, which the folder does not hold`,
        got: 'none',
        fix: 'Call loadTransformer(folder, { conditioner }).',
      });
  }
}
