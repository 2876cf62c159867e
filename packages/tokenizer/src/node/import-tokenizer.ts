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
import { isIgnored, referenceKinds, type ReferenceKind } from '../internal/reference-kinds.js';
import type { ViTVQ } from '../vq-tokenizer.js';
import type { TokenizerConfig } from './tokenizer-folder.js';

export interface ImportOptions {
  /** What the checkpoint holds, instead of inferring it. */
  readonly config?: TokenizerConfig;
  /** What shapes do not tell; not used with `config`. */
  readonly hints?: ImportHints;
  /**
   * What stands before the tokenizer's names where a checkpoint holds more than one model, whose other tensors are passed over:
   * `first_stage_model.` in transformers of taming-transformers, `stage1_model.` in those of enhancing-transformers. @default none
   */
  readonly prefix?: string;
}

export interface ImportedTokenizer {
  /** Whoever imports it disposes of it. */
  readonly tokenizer: ViTVQ;
  /** For `saveTokenizer`. */
  readonly config: TokenizerConfig;
  /** Whose checkpoint it is. */
  readonly kind: ReferenceKind;
}

/**
 * The tokenizer of a PyTorch checkpoint: ViT-VQGAN of thuanz123/enhancing-transformers, VQGAN of CompVis/taming-transformers, or
 * VQ-8 and VQ-16 of FoundationVision/LlamaGen. Tensors are read one at a time. What such files hold besides is passed over:
 * discriminator and perceptual network (`loss.`), averages of weights beside the weights (`model_ema.`), statistics of
 * code use (`quantize.codebook_used`, `quantize.embedding.cluster_size`, `quantize.embedding.embed_avg`), `colorize`. Any
 * other name that the tokenizer does not have is an error.
 *
 * Pixels in [0, 1] go in and come out, also where the original works in [-1, 1].
 * @param opened  as `openPyTorchCheckpoint` or `openSafetensors` of @vitvq/checkpoint open it
 * @throws {DataError} when it is none of these, or cannot be read
 * @throws {MissingHintError} naming the hint that is missing
 * @throws {ConfigError} naming every problem of the config
 * @throws {ShapeError} naming all missing, unexpected and mis-shaped tensors together; for a config whose model is much larger than
 *   what the checkpoint holds, before it is built
 */
export async function importTokenizer<Entry extends CheckpointEntry>(
  opened: CheckpointTensors<Entry>,
  { config: given, hints, prefix = '' }: ImportOptions = {},
): Promise<ImportedTokenizer> {
  const checkpoint = withoutPrefix(opened, prefix);
  const kind = referenceKindOf(checkpoint);
  const config = given ?? (await inferTokenizerConfig(checkpoint, hints)).config;
  const facts = referenceKinds[kind];
  if ('patchSize' in config !== (kind === 'enhancing-transformers')) {
    throw new ConfigError({
      where: checkpoint.file,
      expected: `a config of ${kind}`,
      got: 'patchSize' in config ? 'one with patchSize, of a ViT-VQ' : 'one without patchSize, of a CNN-VQ',
    });
  }
  const tokenizer = skipInitialization((key) => facts.build(config, key, checkpoint.file), checkpoint);
  try {
    const variables = tokenizer.namedVariables();
    const weights = facts.weights(config, checkpoint.file);
    const computed = 'patchSize' in config && config.positions !== 'learned' ? facts.positions : [];
    assertShapes(checkpoint, weights, variables, computed);
    await assertFixedPositions(checkpoint, computed, tokenizer.grid);
    const entries = new Map(checkpoint.entries.map((entry) => [entry.name, entry]));
    // A function of its own: a variable of the loop would keep the tensor alive while the next one is read.
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

/** The tensors whose names begin with the prefix, by the rest of their names. */
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

/** @throws {ShapeError} */
function assertShapes(
  { file, entries }: CheckpointTensors,
  weights: readonly ReferenceWeight[],
  variables: ReadonlyMap<string, tf.Variable>,
  computed: readonly string[],
): void {
  const expected = new Map(
    weights.map(({ name, referenceName, toReference }) => {
      // Without values: only the shape is asked for.
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

/** Positions that are computed here are the ones that the checkpoint was trained with. @throws {DataError} */
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
      got: 'others',
      fix: "Pass positions: 'learned' in the config, or another imageSize.",
    });
  }
}
