import { DataError } from '@vitvq/core';
import { MissingTransformerHintError, type TransformerHints } from './transformer-hints.js';
import type { ConditionOptions } from '../condition-options.js';
import type { CaptionConditionerConfig } from '../conditioners/conditioner-config.js';
import type { GPTOptions } from '../gpt-options.js';
import { gptConfig, type GPTConfig } from '../transformer-config.js';
import type { CheckpointShapes } from './checkpoint-shapes.js';
import { dense, rows, same, transpose, type ReferenceTensor } from './reference-tensors.js';

/** A name that class-conditional transformers of LlamaGen have, and no others. */
export const llamaGenMark = 'cls_embedding.embedding_table.weight';

/** A name of its text-conditional transformers. */
export const llamaGenTextMark = 'cls_embedding.cap_proj.fc1.weight';

/** Names of what embeds captions. */
const captionNames = {
  hidden: llamaGenTextMark,
  output: 'cls_embedding.cap_proj.fc2.weight',
  unconditional: 'cls_embedding.uncond_embedding',
} as const;

/** What the shapes of a transformer of LlamaGen tell. */
export interface LlamaGenPlan {
  readonly config: GPTConfig;
  /** Of the conditioner of captions; absent for classes, which the model embeds itself. */
  readonly captions?: CaptionConditionerConfig;
}

/**
 * Infers the config of a transformer of LlamaGen from shapes.
 * @throws {DataError} when tensors are missing from which it is inferred
 * @throws {MissingTransformerHintError} naming the hint that is missing
 * @throws {ConfigError} when hints do not fit
 */
export function llamaGenPlan(shapes: CheckpointShapes, { grid, numHeads }: TransformerHints): LlamaGenPlan {
  const [vocabSize, dim] = shapes.of('tok_embeddings.weight', 2) as [number, number];
  const conditions = conditionsOf(shapes, dim);
  const [mlpDim] = shapes.of('layers.0.feed_forward.w1.weight', 2) as [number];
  const [projected] = shapes.of('layers.0.attention.wqkv.weight', 2) as [number];
  if (projected !== 3 * dim) {
    throw new DataError({
      where: shapes.file,
      expected: `as many heads of keys as of queries, layers.0.attention.wqkv.weight of ${3 * dim} rows`,
      got: `${projected} rows`,
    });
  }
  if (grid === undefined) {
    throw new MissingTransformerHintError('grid', {
      where: shapes.file,
      expected:
        'to be told the grid of tokens, which rotary positions leave open (16x16 for 256 pixels, 24x24 for 384, 32x32 for 512)',
      got: 'no grid',
    });
  }
  const config = gptConfig({
    vocabSize,
    grid,
    ...conditions.options,
    dim,
    depth: shapes.count((index) => `layers.${index}.attention.wqkv.weight`),
    numHeads: numHeads ?? publishedHeads(dim, shapes.file),
    mlpDim,
    positions: 'rotary',
    rotaryConditions: 'zero',
    norm: 'rms',
    feedForward: 'swiglu',
    useTimeMixing: false,
    useAttentionBias: false,
    useMlpBias: false,
  });
  return { config, captions: conditions.captions };
}

type ConditionChoices = Pick<GPTOptions, 'conditionVocabSize' | 'conditionLength' | keyof ConditionOptions>;

/** Returns the model's options for classes or captions, and the config of what embeds captions. */
function conditionsOf(
  shapes: CheckpointShapes,
  dim: number,
): { readonly options: ConditionChoices; readonly captions?: CaptionConditionerConfig } {
  if (shapes.has(llamaGenTextMark)) {
    const [length, captionDim] = shapes.of(captionNames.unconditional, 2) as [number, number];
    return {
      options: { conditionLength: length, conditionAttention: 'causal', conditionPadding: 'zero' },
      captions: { kind: 'captions', length, captionDim, dim },
    };
  }
  const [conditionVocabSize] = shapes.of(llamaGenMark, 2) as [number];
  if (conditionVocabSize < 2) {
    throw new DataError({
      where: shapes.file,
      expected: `${llamaGenMark} of classes and of no class`,
      got: 'one row',
    });
  }
  return { options: { conditionVocabSize, conditionLength: 1 } };
}

/**
 * Returns the number of heads of the published model of a width: heads have 64 channels, but 100 in
 * GPT-3B.
 */
function publishedHeads(dim: number, file: string): number {
  const headDim = dim === 3200 ? 100 : 64;
  if (dim % headDim === 0) return dim / headDim;
  throw new MissingTransformerHintError('numHeads', {
    where: file,
    expected: `to be told the number of heads that share the width ${dim}`,
    got: 'none',
  });
}

/** Returns whether a tensor is no weight: tables that are computed, and a sampler's cache. */
export function isComputedByLlamaGen(name: string): boolean {
  return /^(freqs_cis|causal_mask|layers\.\d+\.attention\.kv_cache\.[kv]_cache)$/.test(name);
}

/** Returns the tensors of LlamaGen's `Transformer` (autoregressive/models/gpt.py). */
export function llamaGenTensors({ config, captions }: LlamaGenPlan): ReferenceTensor[] {
  const { dim, depth, numHeads, mlpDim, vocabSize } = config;
  const toPlanes = (column: number): number => neighbourOf(column, dim / numHeads);
  const block = (index: number): ReferenceTensor[] => {
    const ours = `transformer.blocks.${index}`;
    const theirs = `layers.${index}`;
    return [
      same(`${ours}.attentionNorm.scale`, `${theirs}.attention_norm.weight`, [dim]),
      {
        name: `${theirs}.attention.wqkv.weight`,
        shape: [3 * dim, dim],
        variables: {
          [`${ours}.attention.query.weight`]: (tensor) => transpose(rows(tensor, 0, dim), toPlanes),
          [`${ours}.attention.key.weight`]: (tensor) => transpose(rows(tensor, dim, 2 * dim), toPlanes),
          [`${ours}.attention.value.weight`]: (tensor) => transpose(rows(tensor, 2 * dim, 3 * dim)),
        },
      },
      dense(`${ours}.attention.output.weight`, `${theirs}.attention.wo.weight`, [dim, dim]),
      same(`${ours}.feedForwardNorm.scale`, `${theirs}.ffn_norm.weight`, [dim]),
      dense(`${ours}.gate.weight`, `${theirs}.feed_forward.w1.weight`, [mlpDim, dim]),
      dense(`${ours}.hidden.weight`, `${theirs}.feed_forward.w3.weight`, [mlpDim, dim]),
      dense(`${ours}.output.weight`, `${theirs}.feed_forward.w2.weight`, [dim, mlpDim]),
    ];
  };
  return [
    ...(captions
      ? captionTensors(captions)
      : [same('embedding.conditions', llamaGenMark, [config.conditionVocabSize!, dim])]),
    same('embedding.tokens', 'tok_embeddings.weight', [vocabSize, dim]),
    ...Array.from({ length: depth }, (_, index) => block(index)).flat(),
    same('transformer.norm.scale', 'norm.weight', [dim]),
    dense('head.weight', 'output.weight', [vocabSize, dim]),
  ];
}

/** Returns the tensors of its `CaptionEmbedder`. */
function captionTensors({ length, captionDim, dim }: CaptionConditionerConfig): ReferenceTensor[] {
  return [
    dense('conditioner.hidden.weight', captionNames.hidden, [dim, captionDim]),
    dense('conditioner.output.weight', captionNames.output, [dim, dim]),
    same('conditioner.unconditional', captionNames.unconditional, [length, captionDim]),
  ];
}

/**
 * Returns the channel of LlamaGen that is ours of this index: its planes are channels 2i and
 * 2i + 1 of a head, and ours i and i + headDim / 2.
 */
function neighbourOf(channel: number, headDim: number): number {
  const within = channel % headDim;
  const half = headDim / 2;
  return channel - within + (within < half ? 2 * within : 2 * (within - half) + 1);
}
