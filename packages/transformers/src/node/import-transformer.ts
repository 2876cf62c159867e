import * as tf from '@tensorflow/tfjs-core';
import type { TensorEntry, TensorFile } from '@vitvq/checkpoint';
import {
  checkOptions,
  ConfigError,
  DataError,
  namedDifferences,
  ShapeError,
  skipInitialization,
  type OptionTable,
  type RandomKey,
} from '@vitvq/core';
import { CaptionConditioner } from '../conditioners/caption-conditioner.js';
import { ClassConditioner } from '../conditioners/class-conditioner.js';
import { variablesWithConditioner } from '../conditioners/condition-input.js';
import { GPT } from '../gpt.js';
import { CheckpointShapes } from '../internal/checkpoint-shapes.js';
import {
  isComputedByLlamaGen,
  llamaGenMark,
  llamaGenPlan,
  llamaGenTensors,
  llamaGenTextMark,
} from '../internal/llama-gen.js';
import { maskGITConfig, maskGITMark, maskGITTensors } from '../internal/maskgit.js';
import {
  isComputedByRAR,
  oneDTokenizerRARConfig,
  oneDTokenizerRARTensors,
  rarMark,
} from '../internal/one-d-tokenizer-rar.js';
import type { ReferenceTensor } from '../internal/reference-tensors.js';
import type { TransformerHints } from '../internal/transformer-hints.js';
import { MaskedTransformer } from '../masked-transformer.js';
import { RAR } from '../rar.js';

/**
 * Repository whose checkpoints hold a transformer: FoundationVision/LlamaGen,
 * bytedance/1d-tokenizer (RAR), or google-research/maskgit.
 */
export type TransformerOrigin = 'llama-gen' | 'rar' | 'maskgit';

const transformerHintNames: OptionTable<TransformerHints> = {
  grid: 'optional',
  numHeads: 'optional',
  classCount: 'optional',
};

/** Options of {@link importTransformer}. */
export interface ImportTransformerOptions {
  readonly hints?: TransformerHints;
}

const importTransformerOptionNames: OptionTable<ImportTransformerOptions> = { hints: 'optional' };

/** Transformer of a checkpoint, as `saveTransformer` takes it. */
export interface ImportedTransformer {
  /** Transformer, of which the caller disposes. */
  readonly model: GPT | RAR | MaskedTransformer;
  /**
   * Classes in the order of the checkpoint, of which the class that stands for none is the last; or
   * what embeds captions, of which the caller disposes.
   */
  readonly conditioner: ClassConditioner | CaptionConditioner;
  readonly origin: TransformerOrigin;
}

/** Open checkpoint, as `openWeights` of @vitvq/checkpoint opens it. */
export type TransformerCheckpoint<Entry extends TensorEntry = TensorEntry> = Pick<
  TensorFile<Entry>,
  'file' | 'entries' | 'read'
>;

/** What builds the model of a checkpoint. */
interface ModelPlan {
  readonly tensors: readonly ReferenceTensor[];
  readonly create: (key: RandomKey) => Pick<ImportedTransformer, 'model' | 'conditioner'>;
}

interface OriginRow {
  /** Names that checkpoints of this origin have, one of them at least, and no others. */
  readonly marks: readonly string[];
  /** Infers the model. @throws {DataError} @throws {ConfigError} */
  readonly plan: (shapes: CheckpointShapes, hints: TransformerHints) => ModelPlan;
  /** Returns whether a tensor is no weight. */
  readonly isComputed: (name: string) => boolean;
}

/** How checkpoints of each origin are recognized and read. */
const origins: Readonly<Record<TransformerOrigin, OriginRow>> = {
  'llama-gen': {
    marks: [llamaGenMark, llamaGenTextMark],
    plan: (shapes, hints) => {
      const plan = llamaGenPlan(shapes, hints);
      const { config, captions } = plan;
      return {
        tensors: llamaGenTensors(plan),
        create: (key) => ({
          model: new GPT({ ...config, key }),
          conditioner: captions ? new CaptionConditioner({ ...captions, key }) : classesOf(config),
        }),
      };
    },
    isComputed: isComputedByLlamaGen,
  },
  rar: {
    marks: [rarMark],
    plan: (shapes, hints) => {
      const config = oneDTokenizerRARConfig(shapes, hints);
      return {
        tensors: oneDTokenizerRARTensors(config, shapes),
        create: (key) => ({ model: new RAR({ ...config, key }), conditioner: classesOf(config) }),
      };
    },
    isComputed: isComputedByRAR,
  },
  maskgit: {
    marks: [maskGITMark],
    plan: (shapes, hints) => {
      const config = maskGITConfig(shapes, hints);
      return {
        tensors: maskGITTensors(config),
        create: (key) => ({ model: new MaskedTransformer({ ...config, key }), conditioner: classesOf(config) }),
      };
    },
    isComputed: () => false,
  },
};

/** Returns the classes of a model, of whose conditions the last one is no class. */
function classesOf({ conditionVocabSize }: { readonly conditionVocabSize?: number }): ClassConditioner {
  return new ClassConditioner({ classCount: conditionVocabSize! - 1 });
}

/** Returns the repository that a checkpoint's transformer comes from; undefined without one. */
export function transformerOriginOf({
  entries,
}: Pick<TransformerCheckpoint, 'entries'>): TransformerOrigin | undefined {
  const names = new Set(entries.map(({ name }) => name));
  const kinds = Object.keys(origins) as TransformerOrigin[];
  return kinds.find((origin) => origins[origin].marks.some((mark) => names.has(mark)));
}

/**
 * Builds the transformer of a checkpoint: a GPT of FoundationVision/LlamaGen (class-conditional
 * GPT-B to GPT-3B, and the text-conditional GPT-XL; MIT licence), a RAR of bytedance/1d-tokenizer
 * (RAR-B to RAR-XXL; Apache-2.0 licence), or the transformer of google-research/maskgit (Apache-2.0
 * licence), whose files `openFlaxCheckpoint` opens. Tensors are read one at a time. What is
 * computed (`freqs_cis`, `causal_mask`, `attn_mask`) and a sampler's cache are passed over; any
 * other name that the transformer does not have is an error.
 *
 * MaskGIT has no vector for no class: that of the mask stands in its place, which no training has
 * shown the model, so that guidance does not do what it does for the others.
 *
 * A text-conditional model takes the features of captions by flan-t5-xl, see `CaptionConditioner`.
 * This package has no T5.
 *
 * What was dropped out in the authors' training is not in a checkpoint: the model has no dropout.
 * @throws {DataError} when the checkpoint is none of these, or cannot be read
 * @throws {MissingTransformerHintError} naming the hint that is missing
 * @throws {ConfigError} when hints make no sense
 * @throws {ShapeError} naming all missing, unexpected and mis-shaped tensors together, before the
 *   model is built
 */
export async function importTransformer<Entry extends TensorEntry>(
  checkpoint: TransformerCheckpoint<Entry>,
  options: ImportTransformerOptions = {},
): Promise<ImportedTransformer> {
  const where = 'importTransformer';
  const { hints = {} } = checkOptions(options, importTransformerOptionNames, where);
  checkOptions(hints, transformerHintNames, `${where} hints`);
  const origin = transformerOriginOf(checkpoint);
  if (origin === undefined) {
    const names = checkpoint.entries.slice(0, 3).map(({ name }) => name);
    throw new DataError({
      where: checkpoint.file,
      expected: `a transformer of ${Object.keys(origins).join(', ')}`,
      got: names.length > 0 ? `tensors such as ${names.join(', ')}` : 'no tensors',
    });
  }
  if (hints.classCount !== undefined && origin !== 'maskgit') {
    throw new ConfigError({
      where: checkpoint.file,
      expected: `no classCount for ${origin}, whose shapes tell it`,
      got: `${hints.classCount}`,
      fix: 'Leave classCount out.',
    });
  }
  const { plan, isComputed } = origins[origin];
  const { tensors, create } = plan(new CheckpointShapes(checkpoint), hints);
  assertTensors(checkpoint, tensors, isComputed);
  const { model, conditioner } = skipInitialization(create, checkpoint);
  try {
    await assignTensors(checkpoint, tensors, variablesWithConditioner(model, conditioner));
  } catch (error) {
    model.dispose();
    if (conditioner instanceof CaptionConditioner) conditioner.dispose();
    throw error;
  }
  return { model, conditioner, origin };
}

/**
 * Compares names and shapes of a checkpoint with those of the model.
 * @throws {ShapeError} naming all that differ
 */
function assertTensors(
  { file, entries }: Pick<TransformerCheckpoint, 'file' | 'entries'>,
  tensors: readonly ReferenceTensor[],
  isComputed: (name: string) => boolean,
): void {
  const expected = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const got = new Map(entries.filter(({ name }) => !isComputed(name)).map((entry) => [entry.name, entry]));
  const problems = namedDifferences(expected, got);
  if (problems.length > 0) {
    throw new ShapeError({
      where: file,
      expected: `the ${expected.size} tensors of the transformer`,
      got: problems.join('; '),
    });
  }
}

/** Reads the tensors one after the other into the variables. */
async function assignTensors<Entry extends TensorEntry>(
  checkpoint: TransformerCheckpoint<Entry>,
  tensors: readonly ReferenceTensor[],
  variables: ReadonlyMap<string, tf.Variable>,
): Promise<void> {
  const entries = new Map(checkpoint.entries.map((entry) => [entry.name, entry]));
  // A variable of the loop would keep a tensor in memory while the next one is read.
  const load = async ({ name, variables: targets }: ReferenceTensor): Promise<void> => {
    const values = await checkpoint.read(entries.get(name)!);
    for (const [target, convert] of Object.entries(targets)) {
      const { shape, data } = convert(values);
      const value = tf.tensor(data, [...shape], 'float32');
      variables.get(target)!.assign(value);
      value.dispose();
    }
  };
  for (const tensor of tensors) await load(tensor);
}
