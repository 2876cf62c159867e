import { ConfigError, type HostTensor } from '@vitvq/core';
import { orderFreeConfig, type OrderFreeConfig } from '../transformer-config.js';
import type { CheckpointShapes } from './checkpoint-shapes.js';
import { rows, same, type ReferenceTensor } from './reference-tensors.js';
import { MissingTransformerHintError, type TransformerHints } from './transformer-hints.js';

/** What the names begin with where the file holds the variables of the model alone. */
const root = 'params/';

const words = `${root}Embed_0/word_embeddings/embedding`;
const places = `${root}Embed_0/position_embeddings/embedding`;

/** A name that MaskGIT's transformer has, and no other model. */
export const maskGITMark = `${root}MlmLayer_0/mlm_bias/bias`;

/** Classes of the published models, all of ImageNet. */
const publishedClasses = 1000;

/**
 * Infers the config of a transformer of MaskGIT from shapes.
 * @throws {DataError} when tensors are missing from which it is inferred
 * @throws {MissingTransformerHintError} naming the hint that is missing
 * @throws {ConfigError} when hints do not fit
 */
export function maskGITConfig(
  shapes: CheckpointShapes,
  { grid, numHeads, classCount }: TransformerHints,
): OrderFreeConfig {
  const [embedded, dim] = shapes.of(words, 2) as [number, number];
  const [placeCount] = shapes.of(places, 2) as [number];
  const attention = (index: number): string => `${root}TransformerLayer_${index}/Attention_0/self_attention`;
  const [, heads] = shapes.of(`${attention(0)}/query/kernel`, 3) as [number, number];
  const [, mlpDim] = shapes.of(`${root}TransformerLayer_0/Mlp_0/intermediate_output/kernel`, 2) as [number, number];
  if (numHeads !== undefined && numHeads !== heads) {
    throw new ConfigError({
      where: shapes.file,
      expected: `${heads} heads`,
      got: `${numHeads}`,
      fix: 'Leave numHeads out.',
    });
  }
  // One place is that of the class.
  const positions = placeCount - 1;
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
  // Codes, classes, and the mask.
  if (classCount === undefined && embedded <= publishedClasses + 1) {
    throw new MissingTransformerHintError('classCount', {
      where: shapes.file,
      expected: `to be told how many of the ${embedded - 1} words are classes, and not codes`,
      got: 'no number',
    });
  }
  const classes = classCount ?? publishedClasses;
  const vocabSize = embedded - classes - 1;
  if (!Number.isInteger(classes) || classes < 1 || vocabSize < 1) {
    throw new ConfigError({
      where: shapes.file,
      expected: `1 to ${embedded - 2} classes among ${embedded} words`,
      got: `${classes}`,
      fix: 'Pass hints: { classCount }.',
    });
  }
  return orderFreeConfig(
    {
      vocabSize,
      grid: [height, width],
      conditionVocabSize: classes + 1,
      conditionLength: 1,
      dim,
      depth: shapes.count((index) => `${attention(index)}/query/kernel`),
      numHeads: heads,
      mlpDim,
      norm: 'layer',
      normPlacement: 'post',
      normEpsilon: 1e-12,
      // jax.nn.gelu approximates unless told otherwise.
      activation: 'gelu-tanh',
      head: 'tied',
    },
    shapes.file,
  );
}

/**
 * Returns the tensors of MaskGIT's `Transformer` (maskgit/nets/maskgit_transformer.py). Its words
 * are codes, classes and the mask, which inference.py calls -1, the last of them; its first
 * position is that of the class. Biases of classes and of the mask are left out: its sampler never
 * reads their logits. There is no word for no class, and the mask stands for it.
 */
export function maskGITTensors(config: OrderFreeConfig): ReferenceTensor[] {
  const { vocabSize, grid, conditionVocabSize, dim, depth, numHeads, mlpDim } = config;
  const positions = grid[0] * grid[1];
  const headDim = dim / numHeads;
  const embedded = vocabSize + conditionVocabSize!;
  const affine = (ours: string, theirs: string): ReferenceTensor[] => [
    same(`${ours}.scale`, `${root}${theirs}/scale`, [dim]),
    same(`${ours}.bias`, `${root}${theirs}/bias`, [dim]),
  ];
  const linear = (ours: string, theirs: string, inputs: number, outputs: number): ReferenceTensor[] => [
    same(`${ours}.weight`, `${root}${theirs}/kernel`, [inputs, outputs]),
    same(`${ours}.bias`, `${root}${theirs}/bias`, [outputs]),
  ];
  /** Maps a tensor to a variable with the same values in the same order. */
  const reshaped = (
    variable: string,
    name: string,
    shape: readonly number[],
    to: readonly number[],
  ): ReferenceTensor => ({
    name: `${root}${name}`,
    shape,
    variables: { [variable]: ({ data }) => ({ shape: to, data }) },
  });
  const block = (index: number): ReferenceTensor[] => {
    const ours = `transformer.blocks.${index}`;
    const theirs = `TransformerLayer_${index}`;
    const attention = `${theirs}/Attention_0/self_attention`;
    return [
      ...['query', 'key', 'value'].flatMap((name) => [
        reshaped(
          `${ours}.attention.${name}.weight`,
          `${attention}/${name}/kernel`,
          [dim, numHeads, headDim],
          [dim, dim],
        ),
        reshaped(`${ours}.attention.${name}.bias`, `${attention}/${name}/bias`, [numHeads, headDim], [dim]),
      ]),
      reshaped(`${ours}.attention.output.weight`, `${attention}/out/kernel`, [numHeads, headDim, dim], [dim, dim]),
      same(`${ours}.attention.output.bias`, `${root}${attention}/out/bias`, [dim]),
      ...affine(`${ours}.attentionNorm`, `${theirs}/Attention_0/attention_output_ln`),
      ...linear(`${ours}.hidden`, `${theirs}/Mlp_0/intermediate_output`, dim, mlpDim),
      ...linear(`${ours}.output`, `${theirs}/Mlp_0/layer_output`, mlpDim, dim),
      ...affine(`${ours}.feedForwardNorm`, `${theirs}/Mlp_0/layer_output_ln`),
    ];
  };
  return [
    {
      name: words,
      shape: [embedded, dim],
      variables: {
        'embedding.tokens': (tensor) => joined(rows(tensor, 0, vocabSize), rows(tensor, embedded - 1, embedded)),
        'embedding.conditions': (tensor) => rows(tensor, vocabSize, embedded),
      },
    },
    {
      name: places,
      shape: [positions + 1, dim],
      variables: {
        'embedding.conditionPositions': (tensor) => rows(tensor, 0, 1),
        'embedding.positions': (tensor) => rows(tensor, 1, positions + 1),
      },
    },
    ...affine('transformer.norm', 'Embed_0/embeddings_ln'),
    ...Array.from({ length: depth }, (_, index) => block(index)).flat(),
    ...linear('head.hidden', 'MlmLayer_0/mlm_dense', dim, dim),
    ...affine('head.norm', 'MlmLayer_0/mlm_ln'),
    { name: maskGITMark, shape: [embedded], variables: { 'head.bias': (tensor) => rows(tensor, 0, vocabSize) } },
  ];
}

/** Joins two matrices along the first axis. */
function joined(first: HostTensor, second: HostTensor): HostTensor {
  const data = new Float32Array(first.data.length + second.data.length);
  data.set(first.data);
  data.set(second.data, first.data.length);
  return { shape: [first.shape[0]! + second.shape[0]!, ...first.shape.slice(1)], data };
}
