import * as tf from '@tensorflow/tfjs-core';
import {
  ConfigError,
  DataError,
  namedDifferences,
  ShapeError,
  skipInitialization,
  type ReferenceWeight,
} from '@vitvq/core';
import {
  inferTokenizerConfig,
  isFixedTable,
  referenceKindOf,
  type CheckpointEntry,
  type CheckpointTensors,
  type ImportHints,
} from '../infer-tokenizer-config.js';
import { importedArchitectures } from '../internal/architectures.js';
import { buildTokenizer } from '../internal/build-tokenizer.js';
import { isIgnored, referenceKinds } from '../internal/reference-kinds.js';
import type { ReferenceKind } from '../reference-kind.js';
import type { TokenizerConfig } from '../tokenizer-config.js';
import type { VQTokenizer } from '../vq-tokenizer.js';
import { bottleneckKinds } from '@vitvq/quantizers';

/** Options of {@link importTokenizer}. */
export interface ImportOptions {
  /** Config of the tokenizer. @default inferred from the checkpoint */
  readonly config?: TokenizerConfig;
  /** Facts that shapes do not tell; not used with `config`. */
  readonly hints?: ImportHints;
  /**
   * Beginning of the tokenizer's names where a checkpoint holds several models, whose tensors are
   * ignored: `first_stage_model.` in transformers of taming-transformers, `stage1_model.` in those
   * of enhancing-transformers. @default none
   */
  readonly prefix?: string;
}

/** Tokenizer of a checkpoint. */
export interface ImportedTokenizer {
  /** Tokenizer, of which the caller disposes. */
  readonly tokenizer: VQTokenizer;
  /** Config of the tokenizer, as `saveTokenizer` takes it. */
  readonly config: TokenizerConfig;
  /** Repository that the checkpoint comes from. */
  readonly kind: ReferenceKind;
}

/**
 * Builds the tokenizer of a PyTorch checkpoint: ViT-VQGAN of thuanz123/enhancing-transformers,
 * VQGAN of CompVis/taming-transformers, or VQ-8 and VQ-16 of FoundationVision/LlamaGen. Tensors are
 * read one at a time. Other parts of such files are ignored: discriminator and perceptual network
 * (`loss.`), EMA of weights beside the weights (`model_ema.`), statistics of code use
 * (`quantize.codebook_used`, `quantize.embedding.cluster_size`, `quantize.embedding.embed_avg`) and
 * `colorize`. Any other name that the tokenizer does not have is an error.
 *
 * Images are in [0, 1], also where the original works in [-1, 1].
 * @param opened  a checkpoint as `openPyTorchCheckpoint` or `openSafetensors` of @vitvq/checkpoint
 *   opens it
 * @throws {DataError} when the checkpoint is none of these, or cannot be read
 * @throws {MissingHintError} naming every hint that is missing
 * @throws {ConfigError} naming every problem of the config
 * @throws {ShapeError} naming all missing, unexpected and mis-shaped tensors together; for a config
 *   whose model is much larger than what the checkpoint holds, before the model is built
 */
export async function importTokenizer<Entry extends CheckpointEntry>(
  opened: CheckpointTensors<Entry>,
  { config: given, hints, prefix = '' }: ImportOptions = {},
): Promise<ImportedTokenizer> {
  const checkpoint = withoutPrefix(opened, prefix);
  const kind = referenceKindOf(checkpoint);
  const config = given ?? (await inferTokenizerConfig(checkpoint, hints)).config;
  const { architecture, positions } = referenceKinds[kind];
  if (config.architecture !== architecture) {
    throw new ConfigError({
      where: checkpoint.file,
      expected: `a config of ${kind}, with architecture '${architecture}'`,
      got: JSON.stringify(config.architecture) ?? 'none',
    });
  }
  const tokenizer = skipInitialization(
    (key) => buildTokenizer(config, key, checkpoint.file, bottleneckKinds),
    checkpoint,
  );
  try {
    const variables = tokenizer.namedVariables();
    const weights = importedArchitectures[architecture].referenceWeights(config, kind, checkpoint.file);
    const computed = config.architecture === 'vit' && config.positions !== 'learned' ? positions : [];
    assertShapes(checkpoint, weights, variables, computed);
    await assertFixedPositions(checkpoint, computed, tokenizer.grid);
    const entries = new Map(checkpoint.entries.map((entry) => [entry.name, entry]));
    // A variable of the loop would keep a tensor in memory while the next one is read.
    const load = async (weight: ReferenceWeight): Promise<void> => {
      const { shape, data } = weight.fromReference(await checkpoint.read(entries.get(weight.referenceName)!));
      const value = tf.tensor(data, [...shape], 'float32');
      variables.get(weight.name)!.assign(value);
      value.dispose();
    };
    for (const weight of weights) await load(weight);
  } catch (error) {
    tokenizer.dispose();
    throw error;
  }
  return { tokenizer, config, kind };
}

/** Returns the tensors whose names begin with the prefix, by the rest of their names. */
function withoutPrefix<Entry extends CheckpointEntry>(
  opened: CheckpointTensors<Entry>,
  prefix: string,
): CheckpointTensors {
  const inner = opened.entries.filter(({ name }) => name.startsWith(prefix));
  const originals = new Map(inner.map((entry) => [entry.name.slice(prefix.length), entry]));
  return {
    file: opened.file,
    entries: [...originals].map(([name, { shape }]) => ({ name, shape })),
    read: ({ name }) => opened.read(originals.get(name)!),
  };
}

/**
 * Compares names and shapes of a checkpoint with those of the tokenizer.
 * @throws {ShapeError} naming all that differ
 */
function assertShapes(
  { file, entries }: CheckpointTensors,
  weights: readonly ReferenceWeight[],
  variables: ReadonlyMap<string, tf.Variable>,
  computed: readonly string[],
): void {
  const expected = new Map(
    weights.map(({ name, referenceName, toReference }) => {
      // Only the shape is asked for, so that values are left out.
      const { shape } = toReference({ shape: variables.get(name)!.shape, data: new Float32Array(0) });
      return [referenceName, { shape }];
    }),
  );
  const got = entries.filter(({ name }) => !isIgnored(name) && !computed.includes(name));
  const problems = namedDifferences(expected, new Map(got.map((entry) => [entry.name, entry])));
  if (problems.length > 0) {
    throw new ShapeError({
      where: file,
      expected: `the ${expected.size} tensors of the tokenizer`,
      got: problems.join('; '),
    });
  }
}

/**
 * Checks that the computed positions are those that the checkpoint was trained with.
 * @throws {DataError} when they differ
 */
async function assertFixedPositions<Entry extends CheckpointEntry>(
  checkpoint: CheckpointTensors<Entry>,
  computed: readonly string[],
  grid: readonly [number, number],
): Promise<void> {
  for (const entry of checkpoint.entries) {
    if (!computed.includes(entry.name)) continue;
    if (entry.shape.length === 3 && isFixedTable(await checkpoint.read(entry), grid)) continue;
    throw new DataError({
      where: checkpoint.file,
      expected: `${entry.name} to hold the fixed positions of ${grid.join('x')} tokens`,
      got: 'other values',
      fix: "Pass positions: 'learned' in the config, or another imageSize.",
    });
  }
}
