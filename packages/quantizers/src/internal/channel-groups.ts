import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { assertShape, ConfigError } from '@vitvq/core';
import type { Codebook, QuantizeContext, Quantizer } from '@vitvq/core';
import { likeCodes } from '../like-codes.js';
import { separateCodebook } from './group-codebook.js';

/** What quantizers side by side make of features. */
interface GroupResult {
  /** `[B, N, E]`, the codes of all groups one after the other. */
  readonly quantized: Tensor3D;
  /** int32 `[B, N]` of each group. */
  readonly indices: readonly Tensor2D[];
  /** Mean of the groups' losses. */
  readonly loss: Scalar;
}

/** Quantizers side by side: the channels of features are cut into groups, one for each of them. */
export class ChannelGroups {
  readonly codeDim: number;
  /** That of the quantizers where they agree, else `own`. */
  readonly gradient: NonNullable<Quantizer['gradient']>;
  /** The first temperature of any of them. */
  readonly temperature?: number;
  /** Present where all of them learn their codes. */
  readonly codebook?: Codebook;
  /** Present where any of them draws: `[size]`, what each of them takes, one after the other. */
  readonly noiseShape?: (batch: number, tokens: number) => readonly [number];
  readonly #quantizers: readonly Quantizer[];
  readonly #widths: number[];
  readonly #name: string;

  /** @throws {ConfigError} for fewer than two, the same one twice, and several codes a token */
  constructor(quantizers: readonly Quantizer[], name: string) {
    assertGroups(quantizers, name);
    this.#quantizers = quantizers;
    this.#widths = quantizers.map(({ codeDim }) => codeDim);
    this.#name = name;
    this.codeDim = this.#widths.reduce((sum, width) => sum + width, 0);
    const [gradient, ...others] = new Set(quantizers.map((quantizer) => quantizer.gradient ?? 'straight-through'));
    this.gradient = others.length === 0 ? gradient! : 'own';
    this.temperature = quantizers.find((quantizer) => quantizer.temperature !== undefined)?.temperature;
    this.codebook = separateCodebook(quantizers, name);
    if (quantizers.some((quantizer) => quantizer.noiseShape)) {
      this.noiseShape = (batch, tokens) => [this.#noiseSizes(batch, tokens).reduce((sum, size) => sum + size, 0)];
    }
  }

  /**
   * Quantizes each group of channels of `z` `[B, N, E]`.
   * @throws {ShapeError} for noise of another shape
   */
  quantize(z: Tensor3D, { noise, ...context }: QuantizeContext): GroupResult {
    const [batch, tokens] = z.shape;
    const noises = this.#splitNoise(noise, batch, tokens);
    const groups = tf.split<Tensor3D>(z, this.#widths, 2);
    const results = this.#quantizers.map((quantizer, group) =>
      quantizer.quantize(groups[group]!, { ...context, noise: noises[group] }),
    );
    return {
      quantized: tf.concat(
        results.map(({ quantized }) => quantized),
        2,
      ),
      indices: results.map(({ indices }) => indices as Tensor2D),
      loss: tf.div<Scalar>(tf.addN(results.map(({ loss }) => loss)), this.#quantizers.length),
    };
  }

  /** Returns the codes `[B, N, E]` of the int32 indices `[B, N]` of each group. */
  decode(indices: readonly Tensor2D[]): Tensor3D {
    return tf.concat(
      this.#quantizers.map((quantizer, group) => quantizer.decode(indices[group]!)),
      2,
    );
  }

  /** Maps each group of channels to where its codes lie. */
  bound(z: Tensor3D): Tensor3D {
    return tf.tidy(() => {
      const groups = tf.split<Tensor3D>(z, this.#widths, 2);
      return tf.concat(
        this.#quantizers.map((quantizer, group) => likeCodes(quantizer, groups[group]!)),
        2,
      );
    });
  }

  /** Returns how much noise each of the quantizers takes. */
  #noiseSizes(batch: number, tokens: number): number[] {
    return this.#quantizers.map((quantizer) =>
      quantizer.noiseShape ? quantizer.noiseShape(batch, tokens).reduce((product, side) => product * side, 1) : 0,
    );
  }

  #splitNoise(noise: Tensor | undefined, batch: number, tokens: number): (Tensor | undefined)[] {
    if (!noise || !this.noiseShape) return [];
    assertShape(noise, this.noiseShape(batch, tokens), `${this.#name}.quantize, noise`);
    let start = 0;
    return this.#noiseSizes(batch, tokens).map((size, group) => {
      if (size === 0) return undefined;
      const own = tf.slice(noise as Tensor1D, [start], [size]);
      start += size;
      return tf.reshape(own, [...this.#quantizers[group]!.noiseShape!(batch, tokens)]);
    });
  }
}

function assertGroups(quantizers: readonly Quantizer[], where: string): void {
  if (quantizers.length < 2) {
    throw new ConfigError({
      where,
      expected: 'at least two quantizers',
      got: String(quantizers.length),
      fix: 'Use the quantizer itself for one group.',
    });
  }
  if (new Set(quantizers).size < quantizers.length) {
    throw new ConfigError({
      where,
      expected: 'another quantizer for every group',
      got: 'the same one for several',
      fix: 'A GroupedQuantizer takes { quantizer, groups } for one codebook.',
    });
  }
  quantizers.forEach(({ codeDepth }, group) => {
    if (codeDepth !== 1) {
      throw new ConfigError({
        where,
        expected: 'one code a token of every group',
        got: `${codeDepth} of group ${group}`,
      });
    }
  });
}
