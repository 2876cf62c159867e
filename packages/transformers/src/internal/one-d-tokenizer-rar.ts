import { ConfigError, DataError, formatShape, type HostTensor } from '@vitvq/core';
import { rarConfig, type RARConfig } from '../rar-config.js';
import type { CheckpointShapes } from './checkpoint-shapes.js';
import { dense, rows, same, transpose, type ReferenceTensor } from './reference-tensors.js';
import type { TransformerHints } from './transformer-hints.js';

/** A name that RAR has, and no other transformer. */
export const rarMark = 'target_aware_pos_embed';

/** Rows of `timesteps_embeddings` beyond the image's. */
const spareSteps = 100;

/**
 * Infers the config of a RAR of bytedance/1d-tokenizer from shapes.
 * @throws {DataError} when tensors are missing from which it is inferred
 * @throws {ConfigError} when hints do not fit
 */
export function oneDTokenizerRARConfig(shapes: CheckpointShapes, { grid, numHeads }: TransformerHints): RARConfig {
  const [vocabSize, dim] = shapes.of('lm_head.weight', 2) as [number, number];
  const [embedded] = shapes.of('embeddings.weight', 2) as [number];
  const [, steps] = shapes.of('timesteps_embeddings', 3) as [number, number];
  const [mlpDim] = shapes.of('blocks.0.mlp.fc1.weight', 2) as [number];
  const [headDim] = shapes.of('blocks.0.attn.q_norm.weight', 1) as [number];
  const positions = steps - spareSteps;
  const side = Math.round(Math.sqrt(positions));
  const [height, width] = grid ?? [side, side];
  if (height * width !== positions) {
    throw new ConfigError({
      where: shapes.file,
      expected: `a grid of ${positions} tokens`,
      got: `${height}x${width}`,
      fix: 'Pass hints: { grid }.',
    });
  }
  if (numHeads !== undefined && numHeads * headDim !== dim) {
    throw new ConfigError({
      where: shapes.file,
      expected: `heads of ${headDim} channels, ${dim / headDim} of them`,
      got: `${numHeads}`,
      fix: 'Leave numHeads out.',
    });
  }
  // Image tokens, the mask token, classes, and no class.
  const conditionVocabSize = embedded - vocabSize - 1;
  if (conditionVocabSize < 2) {
    throw new DataError({
      where: shapes.file,
      expected: `embeddings.weight of more than ${vocabSize + 2} rows: tokens, mask, classes and no class`,
      got: `${embedded} rows`,
    });
  }
  for (const table of ['pos_embed', rarMark]) {
    const shape = shapes.of(table, 3);
    if (shape[1]! >= positions + 2) continue;
    throw new DataError({
      where: shapes.file,
      expected: `${table} of at least ${positions + 2} rows`,
      got: formatShape(shape),
    });
  }
  return rarConfig({
    vocabSize,
    grid: [height, width],
    conditionVocabSize,
    dim,
    depth: shapes.count((index) => `blocks.${index}.attn.qkv.weight`),
    numHeads: dim / headDim,
    mlpDim,
  });
}

/** Returns whether a tensor is no weight: the causal mask, which is computed. */
export function isComputedByRAR(name: string): boolean {
  return name === 'attn_mask';
}

/**
 * Returns the tensors of RAR (`RAR` of modeling/rar.py). The table of embeddings has image tokens,
 * a mask token that the model never reads, classes, and no class. Tables of positions begin with
 * those of start and condition.
 */
export function oneDTokenizerRARTensors(config: RARConfig, shapes: CheckpointShapes): ReferenceTensor[] {
  const { vocabSize, grid, conditionVocabSize, dim, depth, numHeads, mlpDim } = config;
  const positions = grid[0] * grid[1];
  const part = (name: string, variable: string, from: number, to: number): ReferenceTensor => ({
    name,
    shape: [1, shapes.of(name, 3)[1]!, dim],
    variables: { [variable]: (tensor) => rows(withoutFirstAxis(tensor), from, to) },
  });
  const affine = (ours: string, theirs: string, size: number): ReferenceTensor[] => [
    same(`${ours}.scale`, `${theirs}.weight`, [size]),
    same(`${ours}.bias`, `${theirs}.bias`, [size]),
  ];
  const linear = (ours: string, theirs: string, inputs: number, outputs: number): ReferenceTensor[] => [
    dense(`${ours}.weight`, `${theirs}.weight`, [outputs, inputs]),
    same(`${ours}.bias`, `${theirs}.bias`, [outputs]),
  ];
  const block = (index: number): ReferenceTensor[] => {
    const name = `blocks.${index}`;
    const thirds = (what: string, convert: (tensor: HostTensor) => HostTensor): ReferenceTensor['variables'] =>
      Object.fromEntries(
        ['query', 'key', 'value'].map((projection, third) => [
          `${name}.attention.${projection}.${what}`,
          (tensor: HostTensor) => convert(rows(tensor, third * dim, (third + 1) * dim)),
        ]),
      );
    return [
      ...affine(`${name}.attentionNorm`, `${name}.norm1`, dim),
      {
        name: `${name}.attn.qkv.weight`,
        shape: [3 * dim, dim],
        variables: thirds('weight', (third) => transpose(third)),
      },
      { name: `${name}.attn.qkv.bias`, shape: [3 * dim], variables: thirds('bias', (third) => third) },
      ...affine(`${name}.attention.queryNorm`, `${name}.attn.q_norm`, dim / numHeads),
      ...affine(`${name}.attention.keyNorm`, `${name}.attn.k_norm`, dim / numHeads),
      ...linear(`${name}.attention.output`, `${name}.attn.proj`, dim, dim),
      ...affine(`${name}.feedForwardNorm`, `${name}.norm2`, dim),
      ...linear(`${name}.hidden`, `${name}.mlp.fc1`, dim, mlpDim),
      ...linear(`${name}.output`, `${name}.mlp.fc2`, mlpDim, dim),
      ...linear(`${name}.modulation`, `${name}.adaLN_modulation.1`, dim, 6 * dim),
    ];
  };
  const classes = vocabSize + 1;
  return [
    { name: 'cls_token', shape: [1, 1, dim], variables: { 'embedding.start': ({ data }) => ({ shape: [dim], data }) } },
    {
      name: 'embeddings.weight',
      shape: [classes + conditionVocabSize!, dim],
      variables: {
        'embedding.tokens': (tensor) => rows(tensor, 0, vocabSize),
        'embedding.conditions': (tensor) => rows(tensor, classes, classes + conditionVocabSize!),
      },
    },
    part('pos_embed', 'embedding.positions', 0, positions + 2),
    part(rarMark, 'embedding.targetPositions', 2, positions + 2),
    part('timesteps_embeddings', 'embedding.steps', 0, positions + 2),
    ...Array.from({ length: depth }, (_, index) => block(index)).flat(),
    ...linear('modulation', 'adaln_before_head.adaLN_modulation.1', dim, 2 * dim),
    ...linear('head', 'lm_head', dim, vocabSize),
  ];
}

function withoutFirstAxis({ shape, data }: HostTensor): HostTensor {
  return { shape: shape.slice(1), data };
}
