import {
  ConfigError,
  DataError,
  formatShape,
  toSize2D,
  type ErrorFacts,
  type HostTensor,
  type Size2D,
} from '@vitvq/core';
import { sinCosPositions2D, type CNNShape } from '@vitvq/layers';
import type { CNNTokenizerConfig } from './cnn-tokenizer-config.js';
import { isIgnored, referenceKinds } from './internal/reference-kinds.js';
import type { ReferenceKind } from './reference-kind.js';
import type { TokenizerConfig } from './tokenizer-config.js';
import type { TransformerSize, ViTTokenizerConfig } from './vit-tokenizer-config.js';
import type { QuantizerConfig } from '@vitvq/quantizers';

/**
 * Named tensors that are read one by one, as `openPyTorchCheckpoint` and `openSafetensors` of
 * @vitvq/checkpoint open them.
 */
export interface CheckpointTensors<Entry extends { name: string; shape: readonly number[] } = CheckpointEntry> {
  /** Path of the file, for messages. */
  readonly file: string;
  readonly entries: readonly Entry[];
  read(entry: Entry): Promise<HostTensor>;
}

/** Name and shape of a tensor in a checkpoint. */
export interface CheckpointEntry {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Quantizer of the reference that a checkpoint holds. */
export type QuantizerHint =
  { readonly kind: 'vector' } | { readonly kind: 'gumbel' } | { readonly kind: 'residual'; readonly codeDepth: number };

/** Returns the config of the reference's quantizer. */
function quantizerConfig(
  hint: QuantizerHint = { kind: 'vector' },
  codebookSize: number,
  codeDim: number,
  normalize: boolean | undefined,
): QuantizerConfig {
  const table = { codebookSize, codeDim, ...(normalize === undefined ? {} : { normalize }) };
  return hint.kind === 'residual' ? { ...hint, quantizer: { kind: 'vector', ...table } } : { ...hint, ...table };
}

/** Facts of a tokenizer that the shapes of a checkpoint do not tell. */
export interface ImportHints {
  /**
   * Pixels, `[height, width]` or one number. @default the size that the table of positions belongs
   * to; 256 for convolutional networks, whose weights fit every size
   */
  readonly imageSize?: Size2D;
  /** Attention heads of a ViT encoder. @default heads of 64 dimensions, as in the reference */
  readonly encoderHeads?: number;
  /** Attention heads of a ViT decoder. @default heads of 64 dimensions */
  readonly decoderHeads?: number;
  /**
   * Kind of quantizer; the reference stores all of its quantizers alike.
   * @default { kind: 'vector' }
   */
  readonly quantizer?: QuantizerHint;
  /** Whether codes are l2-normalised. @default true, but false for taming-transformers */
  readonly normalize?: boolean;
}

/** Error of shapes that do not tell facts which hints can tell. */
export class MissingHintError extends ConfigError {
  /** Names of all missing hints. */
  readonly hints: readonly (keyof ImportHints)[];

  constructor(hints: readonly (keyof ImportHints)[], facts: Omit<ErrorFacts, 'fix'>) {
    super({ ...facts, fix: `Pass hints: { ${hints.join(', ')} }, or the whole config.` });
    this.hints = hints;
  }
}

/** Config that was inferred from a checkpoint. */
export interface InferredTokenizer {
  readonly kind: ReferenceKind;
  readonly config: TokenizerConfig;
}

/**
 * Infers the config of the tokenizer in a checkpoint of thuanz123/enhancing-transformers
 * (ViT-VQGAN), CompVis/taming-transformers (VQGAN) or FoundationVision/LlamaGen from names and
 * shapes. The only values that it reads are those of fixed positions.
 * @throws {DataError} when it is none of these
 * @throws {MissingHintError} naming every hint that is missing
 */
export async function inferTokenizerConfig<Entry extends CheckpointEntry>(
  checkpoint: CheckpointTensors<Entry>,
  hints: ImportHints = {},
): Promise<InferredTokenizer> {
  const kind = referenceKindOf(checkpoint);
  const shapes = new TensorShapes(checkpoint);
  return {
    kind,
    config:
      kind === 'enhancing-transformers'
        ? await viTVQConfig(checkpoint, shapes, hints)
        : cnnVQConfig(shapes, hints, kind, checkpoint.file),
  };
}

/**
 * Returns the repository that a checkpoint comes from.
 * @throws {DataError} when it is none that is known
 */
export function referenceKindOf({ file, entries }: CheckpointTensors): ReferenceKind {
  const names = new Set(entries.map(({ name }) => name));
  for (const [kind, { mark }] of Object.entries(referenceKinds)) if (names.has(mark)) return kind as ReferenceKind;
  const shown = [...names].filter((name) => !isIgnored(name)).slice(0, 3);
  throw new DataError({
    where: file,
    expected: `a tokenizer of ${Object.keys(referenceKinds).join(', ')}`,
    got: shown.length > 0 ? `tensors such as ${shown.join(', ')}` : 'no tensors of a model',
    fix: "Where a file holds several models, pass the prefix of the tokenizer's names, or open that part of the file.",
  });
}

/** Shapes of a checkpoint by name, with errors that name what is missing. */
class TensorShapes {
  readonly #file: string;
  readonly #shapes: ReadonlyMap<string, readonly number[]>;

  /** @throws {DataError} for a tensor without elements, which no model has */
  constructor({ file, entries }: CheckpointTensors) {
    const empty = entries.filter(({ name, shape }) => shape.includes(0) && !isIgnored(name));
    if (empty.length > 0) {
      throw new DataError({
        where: file,
        expected: 'tensors with elements',
        got: empty.map(({ name, shape }) => `${name} ${formatShape(shape)}`).join(', '),
      });
    }
    this.#file = file;
    this.#shapes = new Map(entries.map(({ name, shape }) => [name, shape]));
  }

  /**
   * Returns the shape of a tensor.
   * @throws {DataError} when the tensor is missing, or has another number of axes
   */
  of(name: string, axes: number): readonly number[] {
    const shape = this.#shapes.get(name);
    if (shape?.length === axes) return shape;
    throw new DataError({
      where: this.#file,
      expected: `tensor ${name} of ${axes} axes, from which the config is inferred`,
      got: shape ? formatShape(shape) : 'none',
      fix: 'Pass the config to see all that is missing.',
    });
  }

  has(name: string): boolean {
    return this.#shapes.has(name);
  }

  /** Returns the number of tensors `name(0)`, `name(1)`, ... that exist. */
  count(name: (index: number) => string): number {
    let count = 0;
    while (this.has(name(count))) count++;
    return count;
  }
}

const referenceHeadDim = 64;

async function viTVQConfig<Entry extends CheckpointEntry>(
  checkpoint: CheckpointTensors<Entry>,
  shapes: TensorShapes,
  { imageSize, encoderHeads, decoderHeads, quantizer, normalize }: ImportHints,
): Promise<ViTTokenizerConfig> {
  const [, channels, ...patch] = shapes.of(referenceKinds['enhancing-transformers'].mark, 4);
  const patchSize = patch as [number, number];
  const [codebookSize, codeDim] = shapes.of('quantizer.embedding.weight', 2);
  const unknown: UnknownFact[] = [];
  const encoder = transformerSize(shapes, 'encoder', encoderHeads, unknown);
  const decoder = transformerSize(shapes, 'decoder', decoderHeads, unknown);
  const grid = await fixedGrid(checkpoint);
  const size: Size2D | undefined = imageSize ?? (grid && [grid[0] * patchSize[0], grid[1] * patchSize[1]]);
  if (size === undefined) {
    unknown.push({ hint: 'imageSize', fact: 'the image size, from a table of positions that is the fixed one' });
  }
  if (size === undefined || unknown.length > 0) throw missingHints(checkpoint.file, unknown);
  const isFixed = grid !== undefined && toSize2D(size).every((side, axis) => side === grid[axis]! * patchSize[axis]!);
  return {
    architecture: 'vit',
    imageSize: oneNumber(size),
    patchSize: oneNumber(patchSize),
    ...(channels === 3 ? {} : { channels }),
    encoder,
    decoder,
    quantizer: quantizerConfig(quantizer, codebookSize!, codeDim!, normalize),
    ...(isFixed ? {} : { positions: 'learned' }),
  };
}

function oneNumber(size: Size2D): Size2D {
  const [height, width] = toSize2D(size);
  return height === width ? height : [height, width];
}

/** What the shapes do not tell, and the hint that would. */
interface UnknownFact {
  readonly hint: keyof ImportHints;
  readonly fact: string;
}

/** Returns the size of a transformer, which is of use where nothing was added to `unknown`. */
function transformerSize(
  shapes: TensorShapes,
  side: 'encoder' | 'decoder',
  heads: number | undefined,
  unknown: UnknownFact[],
): TransformerSize {
  const layer = (index: number): string => `${side}.transformer.layers.${index}`;
  const [tripleInner, dim] = shapes.of(`${layer(0)}.0.fn.to_qkv.weight`, 2) as [number, number];
  const [mlpDim] = shapes.of(`${layer(0)}.1.fn.net.0.weight`, 2) as [number, number];
  const inner = tripleInner / 3;
  const numHeads = heads ?? inner / referenceHeadDim;
  if (!Number.isInteger(numHeads) || inner % numHeads !== 0) {
    const problem = heads === undefined ? '' : `, which ${heads} does not divide`;
    const fact = `how many heads share the ${inner} dimensions of the ${side}'s attention${problem}`;
    unknown.push({ hint: `${side}Heads`, fact });
  }
  return {
    dim,
    depth: shapes.count((index) => `${layer(index)}.0.fn.to_qkv.weight`),
    numHeads,
    ...(inner === dim ? {} : { headDim: inner / numHeads }),
    mlpDim,
  };
}

function missingHints(file: string, unknown: readonly UnknownFact[]): MissingHintError {
  const hints = unknown.map(({ hint }) => hint);
  return new MissingHintError(hints, {
    where: file,
    expected: `to learn ${unknown.map(({ fact }) => fact).join('; ')}`,
    got: 'shapes that do not tell',
  });
}

/** Largest difference of a table from the fixed positions, which both sides round to float32. */
const positionTolerance = 1e-5;

/**
 * Returns rows and columns of the tokens where both tables hold the fixed positions of one grid,
 * and undefined elsewhere.
 */
async function fixedGrid<Entry extends CheckpointEntry>(
  checkpoint: CheckpointTensors<Entry>,
): Promise<readonly [number, number] | undefined> {
  const tables: HostTensor[] = [];
  for (const name of referenceKinds['enhancing-transformers'].positions) {
    const entry = checkpoint.entries.find((candidate) => candidate.name === name);
    if (entry?.shape.length !== 3) return undefined;
    tables.push(await checkpoint.read(entry));
  }
  const grid = gridOf(tables[0]!);
  return tables.every((table) => isFixedTable(table, grid)) ? grid : undefined;
}

/**
 * Returns the only grid whose fixed positions a table `[1, N, D]` can hold: sin(row), in the middle
 * of the width, is 0 in the first row alone.
 */
function gridOf({ shape, data }: HostTensor): readonly [number, number] {
  const [, tokens, dim] = shape as [number, number, number];
  let columns = 1;
  while (columns < tokens && Math.abs(data[columns * dim + dim / 2]!) <= positionTolerance) columns++;
  return [tokens / columns, columns];
}

/** Returns whether a table `[1, N, D]` holds the fixed positions of a grid. */
export function isFixedTable({ shape, data }: HostTensor, grid: readonly [number, number]): boolean {
  const [, tokens, dim] = shape as [number, number, number];
  if (dim < 4 || dim % 4 !== 0 || !Number.isInteger(grid[0]) || tokens !== grid[0] * grid[1]) return false;
  const isNear = (fixed: HostTensor): boolean =>
    fixed.data.every((value, index) => Math.abs(value - data[index]!) <= positionTolerance);
  // The first token is the same for every grid; it tells most other tables apart at once.
  return isNear(sinCosPositions2D(dim, 1)) && isNear(sinCosPositions2D(dim, grid));
}

interface CNNNames {
  /** Returns the part of a name before the number of a resolution. */
  readonly resolutions: (side: 'encoder' | 'decoder') => string;
  /**
   * Whether the numbers follow the order of computation, so that those of a decoder begin at the
   * smallest resolution.
   */
  readonly inOrder: boolean;
  readonly block: string;
}

const cnnNames: Record<Exclude<ReferenceKind, 'enhancing-transformers'>, CNNNames> = {
  'taming-transformers': {
    resolutions: (side) => `${side}.${side === 'encoder' ? 'down' : 'up'}`,
    inOrder: false,
    block: 'block',
  },
  'llama-gen': { resolutions: (side) => `${side}.conv_blocks`, inOrder: true, block: 'res' },
};

function cnnVQConfig(
  shapes: TensorShapes,
  { imageSize = 256, quantizer, normalize }: ImportHints,
  kind: keyof typeof cnnNames,
  file: string,
): CNNTokenizerConfig {
  if (shapes.has('quantize.proj.weight')) {
    throw new DataError({
      where: file,
      expected: 'a quantizer that chooses the nearest code',
      got: "taming-transformers' GumbelQuantize, which predicts codes with a projection",
      fix: 'Tokenizers with GumbelQuantize cannot be imported.',
    });
  }
  const [baseChannels, channels] = shapes.of('encoder.conv_in.weight', 4) as [number, number];
  const [latentChannels] = shapes.of('encoder.conv_out.weight', 4) as [number];
  const [codebookSize, codeDim] = shapes.of('quantize.embedding.weight', 2) as [number, number];
  return {
    architecture: 'cnn',
    imageSize: oneNumber(imageSize),
    ...(channels === 3 ? {} : { channels }),
    encoder: cnnShape(shapes, 'encoder', baseChannels, cnnNames[kind]),
    decoder: cnnShape(shapes, 'decoder', baseChannels, cnnNames[kind]),
    latentChannels,
    quantizer: quantizerConfig(quantizer, codebookSize, codeDim, normalize ?? kind !== 'taming-transformers'),
  };
}

function cnnShape(
  shapes: TensorShapes,
  side: 'encoder' | 'decoder',
  baseChannels: number,
  { resolutions, inOrder, block }: CNNNames,
): CNNShape {
  const numbered = (index: number): string => `${resolutions(side)}.${index}`;
  const count = shapes.count((index) => `${numbered(index)}.${block}.0.conv1.weight`);
  const resolution = (index: number): string => numbered(inOrder && side === 'decoder' ? count - 1 - index : index);
  const indices = Array.from({ length: count }, (_, index) => index);
  return {
    baseChannels,
    channelMultipliers: indices.map(
      (index) => shapes.of(`${resolution(index)}.${block}.0.conv1.weight`, 4)[0]! / baseChannels,
    ),
    blocksPerResolution: shapes.count((index) => `${resolution(0)}.${block}.${index}.conv1.weight`),
    attentionResolutions: indices.filter((index) => shapes.has(`${resolution(index)}.attn.0.norm.weight`)),
  };
}
