import * as tf from '@tensorflow/tfjs-core';
import { foldIn, randomKey, randomUniform, type ImageBatch } from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import type { VQTokenizer } from '@vitvq/tokenizer';
import { keepUnlessFinite } from '@vitvq/training';
import { createCodebookInitialization, createCodebookReset, type CodebookUpdate } from '../codebook-reset.js';
import type { ResolvedTokenizerTrainingConfig } from '../config.js';
import { streams } from './streams.js';

type Run = CompiledFunction<(images: tf.Tensor4D, uniform: tf.Tensor1D) => tf.Tensor1D>;

/**
 * Initialization and reset of the codebook during a training. Draws depend on the seed and the step
 * alone. Codes that would not be finite stay as they are.
 */
export class CodebookUpdates {
  readonly #tokenizer: VQTokenizer;
  readonly #seed: number;
  readonly #resetEvery: number;
  readonly #initialize: Run | undefined;
  readonly #reset: Run | undefined;

  /** @throws {ConfigError} when the quantizer's codes cannot be set as the config asks */
  constructor(tokenizer: VQTokenizer, { codebook, seed }: Pick<ResolvedTokenizerTrainingConfig, 'codebook' | 'seed'>) {
    const { initializeFromData, resetEvery } = codebook;
    this.#tokenizer = tokenizer;
    this.#seed = seed;
    this.#resetEvery = resetEvery;
    this.#initialize = initializeFromData
      ? this.#compile('initialize codebook', createCodebookInitialization(tokenizer))
      : undefined;
    this.#reset = resetEvery > 0 ? this.#compile('reset codebook', createCodebookReset(tokenizer)) : undefined;
  }

  /**
   * Starts the codebook before a step.
   * @returns whether it started: a batch with NaN makes no codes
   */
  async initialize(batch: ImageBatch, index: number): Promise<boolean> {
    return this.#initialize === undefined || (await this.#run(this.#initialize, batch, index)) !== undefined;
  }

  /**
   * Resets dead codes after a step, where a reset is due.
   * @returns how many; undefined where no reset is due or none was possible
   */
  async reset(batch: ImageBatch, index: number): Promise<number | undefined> {
    if (!this.#reset || (index + 1) % this.#resetEvery !== 0) return undefined;
    return this.#run(this.#reset, batch, index + 1);
  }

  /** Frees the compiled functions. */
  dispose(): void {
    this.#initialize?.dispose();
    this.#reset?.dispose();
  }

  #compile(name: string, setCodes: CodebookUpdate): Run {
    const variables = [...this.#tokenizer.quantizer.namedVariables().values()];
    return compile(
      (batch: tf.Tensor4D, uniform: tf.Tensor1D): tf.Tensor1D =>
        tf.tidy(() =>
          keepUnlessFinite(variables, () => {
            const count = setCodes(batch, uniform);
            const sums = variables.map((variable) => tf.sum(tf.cast(variable, 'float32')));
            const finite = tf.sum<tf.Scalar>(tf.stack(sums));
            return { result: tf.stack([count, finite]) as tf.Tensor1D, finite };
          }),
        ),
      { name },
    );
  }

  async #run(run: Run, { images, shape }: ImageBatch, index: number): Promise<number | undefined> {
    const key = foldIn(foldIn(randomKey(this.#seed), streams.codebook), index);
    const { tables = [] } = this.#tokenizer.quantizer.codebook ?? {};
    const codes = tables.reduce((sum, { size }) => sum + size, 0);
    const draws = randomUniform(key, codes);
    const inputs = [tf.tensor4d(images, shape as [number, number, number, number]), tf.tensor1d(draws)] as const;
    const output = await run(...inputs);
    const [count, finite] = await output.data();
    tf.dispose([...inputs, output]);
    return Number.isFinite(finite) ? count : undefined;
  }
}
