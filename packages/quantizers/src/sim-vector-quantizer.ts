import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import {
  Module,
  assertInRange,
  assertInteger,
  assertShape,
  checkOptions,
  inFullPrecision,
  normalInitializer,
  split,
  torchLinearInitializer,
  type OptionTable,
} from '@vitvq/core';
import type { QuantizeContext, QuantizeResult, Quantizer, RandomKey } from '@vitvq/core';
import { Linear } from '@vitvq/layers';
import { z } from 'zod';
import { CodeTable } from './code-table.js';
import { nonNegative, tableSize } from './internal/config-schemas.js';
import { quantizationLoss } from './internal/quantization-loss.js';
import { quantizeReal } from './internal/token-mask.js';
import type { QuantizerKind } from './quantizer-kind.js';

/** Options of a {@link SimVectorQuantizer}. */
export interface SimVectorQuantizerOptions {
  /** Number of codes, K. */
  readonly codebookSize: number;
  /** Width of a code, E; the authors use 128. */
  readonly codeDim: number;
  /** Weight of the commitment term. @default 0.25 */
  readonly beta?: number;
  /**
   * Whether the linear layer has a bias: the authors' code has one, Algorithm 1 none.
   * @default true
   */
  readonly useBias?: boolean;
  /** Draws the frozen codebook, N(0, 1/E), and the linear layer. */
  readonly key: RandomKey;
}

const simVectorQuantizerOptionNames: OptionTable<SimVectorQuantizerOptions> = {
  codebookSize: 'required',
  codeDim: 'required',
  beta: 'optional',
  useBias: 'optional',
  key: 'required',
};

/** Deviation that a channel has at least, so that equal codes can be divided by it. */
const minimumDeviation = 1e-6;

/**
 * Nearest-neighbour quantizer whose codes are a frozen random codebook after one learned linear
 * layer (SimVQ, arXiv:2411.02038, Algorithm 1; symbols C and W). Every step moves all codes through
 * the layer, also those that nothing chose, so that codes do not die. Codes are compared by
 * Euclidean distance, without normalisation.
 *
 * Variables: `codebook` `[K, E]`, not trainable; `transform.weight` `[E, E]` (PyTorch keeps the
 * transpose) and with `useBias` `transform.bias` `[E]`. Code k is row k of codebook · weight +
 * bias.
 *
 * The loss is mean((sg[z] - code)²) + `beta` mean((z - sg[code])²), means over B·N·E, as in the
 * authors' code with the setting of their configs (`legacy: false`); Algorithm 1 has squared
 * lengths.
 *
 * Deviations: `decode` returns codes; the authors' `get_codebook_entry` returns rows of the frozen
 * codebook, without the linear layer. `codebook.initialize`, which paper and code do without, makes
 * the codes features; a training calls it unless its config has `initializeFromData: false`. The
 * frozen codebook then holds the features with mean 0 and variance 1 / E in each channel, as random
 * rows have, and the layer holds means and deviations: what all features have in common would
 * otherwise outweigh how they differ in every gradient of the layer. Without a bias they keep their
 * means. There is no `codebook.reset`.
 *
 * The tensor code has fixed shapes and can be compiled. Gradients are of first order only.
 */
export class SimVectorQuantizer extends Module implements Quantizer {
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly codeDepth = 1;
  readonly beta: number;
  readonly gradient = 'straight-through';
  /** Table of the codes; its `weights` are the frozen codebook. */
  readonly codebook: CodeTable;
  /** The linear layer. */
  readonly transform: Linear;

  /** @throws {ConfigError} */
  constructor(options: SimVectorQuantizerOptions) {
    super();
    const {
      codebookSize,
      codeDim,
      beta = 0.25,
      useBias = true,
      key,
    } = checkOptions(options, simVectorQuantizerOptionNames, 'SimVectorQuantizer', { allowOthers: true });
    const name = 'SimVectorQuantizer';
    assertInteger(codebookSize, 'codebookSize', name);
    assertInteger(codeDim, 'codeDim', name);
    assertInRange(beta, 'beta', name, 0);
    this.codebookSize = codebookSize;
    this.codeDim = codeDim;
    this.beta = beta;
    const [forCodes, forLayer] = split(key) as [RandomKey, RandomKey];
    const drawn = normalInitializer(codeDim ** -0.5)(forCodes, [codebookSize, codeDim]);
    const weights = this.variable<tf.Rank.R2>('codebook', drawn, { trainable: false });
    const initializer = torchLinearInitializer(codeDim);
    const size = { inFeatures: codeDim, outFeatures: codeDim, useBias };
    this.transform = this.child(
      'transform',
      new Linear({ ...size, key: forLayer, initializer, biasInitializer: initializer }),
    );
    this.codebook = new CodeTable({
      name,
      weights,
      transform: (stored) => inFullPrecision(() => this.transform.apply(stored)),
      normalize: false,
      onSet: (codes) => this.#standardize(codes),
    });
  }

  /**
   * Quantizes each vector to its nearest code.
   * @param z  encoder output, float32 `[B, N, E]`
   * @returns  `quantized` `[B, N, E]`, its gradient reaching `z` unchanged; `indices` int32
   *   `[B, N]` in `[0, K)`; `loss`, scalar, a mean over B·N·E
   * @throws {ShapeError} when the last axis is not `codeDim`
   */
  quantize(z: Tensor3D, { mask }: QuantizeContext = {}): QuantizeResult & { indices: Tensor2D } {
    const where = 'SimVectorQuantizer.quantize';
    assertShape(z, ['B', 'N', this.codeDim], where, 'Project z to codeDim first.');
    return quantizeReal(z, mask, where, (real, weights) => {
      const { features, codes, quantized, indices } = this.codebook.lookUp(real, { gradient: this.gradient });
      return { quantized, indices, loss: quantizationLoss(features, codes, this.beta, weights) };
    });
  }

  /** Returns the codes of int32 indices: `[B, N]` to `[B, N, E]`. @throws {ShapeError} */
  decode(indices: Tensor2D): Tensor3D {
    return this.codebook.decode(indices);
  }

  /** Moves means and deviations of the codes' channels from the codebook to the layer. */
  #standardize(codes: Tensor2D): void {
    const { weight, bias } = this.transform;
    const means = bias ? tf.mean(codes, 0) : tf.zeros([this.codeDim]);
    const centred = tf.sub<Tensor2D>(codes, means);
    const deviations = tf.maximum(tf.sqrt(tf.mean(tf.square(centred), 0)), minimumDeviation);
    const scales = tf.mul(deviations, this.codeDim ** 0.5);
    this.codebook.weights.assign(tf.div(centred, scales));
    weight.assign(tf.mul<Tensor2D>(tf.eye(this.codeDim), scales));
    bias?.assign(means as Tensor1D);
  }
}

const schema = z.strictObject({
  ...tableSize,
  /** Weight of the commitment term. @default 0.25 */
  beta: nonNegative.optional(),
  /** Whether the linear layer has a bias. @default true */
  useBias: z.boolean().optional(),
});

/** Kind `simvq`: one code a token, the nearest of a frozen codebook after a linear layer. */
export const simVectorKind = {
  schema,
  create: (config, key) => new SimVectorQuantizer({ ...config, key }),
} satisfies QuantizerKind<typeof schema>;
