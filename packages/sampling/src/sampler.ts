import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, assertMembers, assertOneOf, checkOptions, ConfigError, disposeOf } from '@vitvq/core';
import { precisions } from '@vitvq/engine';
import { prefixLengthOf, type AutoregressiveModel, type ImageTokens } from '@vitvq/transformers';
import { CacheSegments } from './internal/cache-segments.js';
import { OneAtATime } from './internal/one-at-a-time.js';
import { notFinite } from './internal/request-checks.js';
import { CompiledSampling, type SamplingCompilation } from './internal/compiled-sampling.js';
import type { Drawn } from './internal/sampling-program.js';
import { samplingRequest, type ProgramSettings, type SamplingRequest } from './internal/sampling-request.js';
import {
  samplerOptionNames,
  type PartialTokens,
  type SampleOptions,
  type SamplerOptions,
  type TokenSampler,
} from './sample-options.js';

/** Number of positions that the engine is asked for at once, where nobody waits for each. */
const stepsAtOnce = 8;

/**
 * Samples images token by token with a KV cache. The distribution is that of the full forward pass.
 * Each step is one compiled function of fixed shapes that also filters and draws. Compiles at the
 * first request, and again when the batch size, `topK`, guidance or the use of `topP` changes;
 * keeps only the programs of the last kind of request. Handles one request at a time.
 *
 * Ownership: `dispose()` the sampler; the model stays the caller's.
 */
export class Sampler implements TokenSampler {
  readonly model: AutoregressiveModel;
  readonly #segments: CacheSegments;
  readonly #compilation: SamplingCompilation;
  /** The programs of the last request, and what their requests have in common. */
  #compiled: { readonly key: string; readonly sampling: CompiledSampling } | undefined;
  readonly #requests = new OneAtATime('Sampler');

  /** @throws {ConfigError} */
  constructor(model: AutoregressiveModel, options: SamplerOptions = {}) {
    const where = 'Sampler';
    assertMembers(model, ['logits', 'grid', 'conditionLength'], 'the model', where);
    const { lengths, weights = 'frozen', precision = 'float32' } = checkOptions(options, samplerOptionNames, where);
    assertOneOf(precision, precisions, 'precision', where);
    for (const length of lengths ?? []) assertInteger(length, 'each of lengths', where);
    this.model = model;
    this.#compilation = { weights, precision };
    // The last token is never read.
    const slots = prefixLengthOf(model) + model.grid[0] * model.grid[1] - 1;
    this.#segments = new CacheSegments(slots, lengths ?? (slots < 128 ? [] : [Math.ceil(slots / 2)]));
  }

  async sample(options: SampleOptions): Promise<ImageTokens> {
    let last: PartialTokens | undefined;
    for await (const { partial } of this.#run(options, { stepsAtOnce })) last = partial;
    const { tokens, shape } = last!;
    return toTensor(tokens, shape);
  }

  /**
   * Draws position by position: yields the known tokens after the given prefix, if there is one,
   * and after every position. Leaving the loop early frees the tensors.
   */
  async *stream(options: SampleOptions): AsyncGenerator<PartialTokens, void, undefined> {
    for await (const { partial } of this.#run(options, { stepsAtOnce: 1 })) yield partial;
  }

  /**
   * Draws as {@link sample} does and returns the logits too, for checks and analyses.
   * @returns  besides the tokens, `start`, the number of positions at the beginning that were given
   *   in all images, and `logits` `[B, N - start, V]` (`[B, N - start, L, V]`) of those after them
   * @throws {ConfigError} also when all tokens are given
   */
  async sampleWithLogits(options: SampleOptions): Promise<{ tokens: ImageTokens; start: number; logits: tf.Tensor }> {
    const rows: tf.Tensor[] = [];
    let last: PartialTokens | undefined;
    try {
      for await (const { partial, logits } of this.#run(options, { stepsAtOnce, returnsLogits: true })) {
        last = partial;
        if (logits) rows.push(tf.tensor((await logits.data()).slice(), logits.shape));
      }
      const { tokens, shape } = last!;
      if (rows.length === 0) {
        throw new ConfigError({
          where: 'Sampler.sampleWithLogits',
          expected: 'a position to draw',
          got: 'given tokens for all of them',
          fix: 'model.logits(conditions, tokens) has the logits of tokens that are known.',
        });
      }
      const stacked = tf.tidy(() => {
        const all = tf.stack(rows, 1); // [B, N, L, V]
        return this.model.codeDepth === 1 ? tf.squeeze(all, [2]) : all;
      });
      return { tokens: toTensor(tokens, shape), start: shape[1]! - rows.length, logits: stacked };
    } finally {
      tf.dispose(rows);
    }
  }

  /** Frees the compiled programs and the cache; the sampler can be used again. */
  dispose(): void {
    this.#compiled?.sampling.dispose();
    this.#compiled = undefined;
  }

  async *#run(
    options: SampleOptions,
    { stepsAtOnce, returnsLogits = false }: { readonly stepsAtOnce: number; readonly returnsLogits?: boolean },
  ): AsyncGenerator<{ partial: PartialTokens; logits?: tf.Tensor }, void, undefined> {
    this.#requests.begin();
    let request: SamplingRequest | undefined;
    // What the engine was asked for: once more than what is waited for, so that it never waits for
    // this thread.
    const coming: Promise<Drawn[]>[] = [];
    let ready: Drawn[] = [];
    let drawn: Drawn | undefined;
    try {
      request = await samplingRequest(this.model, options, returnsLogits);
      const { known, shape, prefix, tensors, settings } = request;
      const { codeDepth } = this.model;
      const positions = shape[1]!;
      const partial = (count: number): PartialTokens => {
        const tokens = known.map((token, index) => (Math.floor(index / codeDepth) % positions < count ? token : -1));
        return { count, shape, tokens };
      };
      if (prefix > 0) yield { partial: partial(prefix) };
      const compiled = this.#compiledFor(settings);
      for (let count = prefix, asked = prefix + 1; count < positions; count++) {
        if (count === prefix) {
          ready = [await compiled.prefill(request)];
        } else if (ready.length === 0) {
          while (coming.length < 2 && asked < positions) {
            const steps = Math.min(stepsAtOnce, compiled.stepsFrom(asked - 1));
            const drawing = compiled.decode(asked - 1, steps, tensors);
            drawing.catch(() => undefined); // thrown when its turn comes
            coming.push(drawing);
            asked += steps;
          }
          ready = await coming.shift()!;
        }
        drawn = ready.shift()!;
        const tokens = await drawn.tokens.data();
        for (let image = 0; image < settings.images; image++) {
          const from = tokens.subarray(image * codeDepth, (image + 1) * codeDepth);
          if (from.includes(this.model.vocabSize)) throw notFinite(image, count, 'Sampler');
          known.set(from, (image * positions + count) * codeDepth);
        }
        yield { partial: partial(count + 1), logits: drawn.logits };
        disposeOf(drawn);
        drawn = undefined;
      }
    } finally {
      disposeOf([drawn, ready]);
      for (const drawing of coming) disposeOf(await drawing.catch(() => undefined));
      disposeOf(request?.tensors);
      this.#requests.end();
    }
  }

  #compiledFor(settings: ProgramSettings): CompiledSampling {
    const key = JSON.stringify(settings);
    if (this.#compiled?.key !== key) {
      this.dispose();
      this.#compiled = { key, sampling: new CompiledSampling(this.model, settings, this.#segments, this.#compilation) };
    }
    return this.#compiled.sampling;
  }
}

function toTensor(tokens: Int32Array, shape: readonly number[]): ImageTokens {
  const tensor: tf.Tensor = tf.tensor(tokens, [...shape], 'int32');
  return tensor as ImageTokens;
}
