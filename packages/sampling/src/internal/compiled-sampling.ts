import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor3D } from '@tensorflow/tfjs-core';
import { disposeOf } from '@vitvq/core';
import { compile, type CompiledFunction, type Precision } from '@vitvq/engine';
import { prefixLengthOf, type AutoregressiveModel, type Conditions } from '@vitvq/transformers';
import type { CacheSegments } from './cache-segments.js';
import { SamplingProgram, type Drawn, type RunTensors } from './sampling-program.js';
import type { ProgramSettings, SamplingRequest } from './sampling-request.js';
import { SamplingVariables } from './sampling-variables.js';

type PrefillArguments = [Conditions, Tensor3D | undefined, Scalar, RunTensors];

/** How the functions of a sampler are compiled. */
export interface SamplingCompilation {
  readonly weights: 'frozen' | 'live';
  readonly precision: Precision;
}

/**
 * The compiled functions of one kind of request, and the images that they are at. Compiles each
 * when it is called first.
 *
 * Ownership: `dispose()` it; the model stays the caller's.
 */
export class CompiledSampling {
  readonly #model: AutoregressiveModel;
  readonly #segments: CacheSegments;
  readonly #compilation: SamplingCompilation;
  readonly #program: SamplingProgram;
  readonly #state: SamplingVariables;
  /** By the number of tokens that they read, padding included. */
  readonly #prefills = new Map<number, CompiledFunction<(...values: PrefillArguments) => Drawn>>();
  /** By the number of segments of the cache. */
  readonly #steps = new Map<number, CompiledFunction<(run: RunTensors) => Drawn>>();

  constructor(
    model: AutoregressiveModel,
    settings: ProgramSettings,
    segments: CacheSegments,
    compilation: SamplingCompilation,
  ) {
    this.#model = model;
    this.#segments = segments;
    this.#compilation = compilation;
    this.#program = new SamplingProgram(model, settings);
    const batch = settings.guided ? 2 * settings.images : settings.images;
    this.#state = new SamplingVariables(model.emptyCache(batch, segments.sizes), [batch, model.codeDepth]);
  }

  /** Reads conditions and known tokens, and draws the first position that is not known. */
  async prefill({ conditions, known, shape, prefix, settings, tensors }: SamplingRequest): Promise<Drawn> {
    const { codeDepth } = this.#model;
    const before = prefixLengthOf(this.#model);
    const positions = shape[1]!;
    // Padded with tokens that nothing attends to, so that one program serves all prefixes of about
    // this length.
    const slots = this.#segments.slotsHolding(before + prefix - 1);
    const padded = prefix === 0 ? 0 : Math.min(slots - before, positions - 1);
    const given = tf.tidy(() => {
      if (prefix === 0) return undefined;
      const tokens = tf.tensor3d(known, [settings.images, positions, codeDepth], 'int32');
      return tf.maximum<Tensor3D>(tf.slice(tokens, [0, 0, 0], [-1, padded, -1]), tf.scalar(0, 'int32'));
    });
    const count = tf.scalar(prefix, 'int32');
    try {
      return await this.#prefillOf(padded)(conditions, given, count, tensors);
    } finally {
      disposeOf([given, count]);
    }
  }

  /**
   * Adds position `last`, which was drawn before, and draws the next one; and so on, `count` times.
   */
  decode(last: number, count: number, tensors: RunTensors): Promise<Drawn[]> {
    const segments = this.#segments.countHolding(prefixLengthOf(this.#model) + last);
    let compiled = this.#steps.get(segments);
    if (!compiled) {
      compiled = compile((run: RunTensors) => this.#program.decodeStep(this.#state, segments, run), {
        name: `sampling, decode step of ${this.#segments.slotsOf(segments)} slots`,
        variables: this.#compilation.weights,
        precision: this.#compilation.precision,
        live: this.#state.variables(),
      });
      this.#steps.set(segments, compiled);
    }
    return compiled.repeat(count, tensors);
  }

  /** How many positions from `last` on are added by the same program. */
  stepsFrom(last: number): number {
    const slot = prefixLengthOf(this.#model) + last;
    return this.#segments.slotsOf(this.#segments.countHolding(slot)) - slot;
  }

  dispose(): void {
    for (const compiled of [...this.#prefills.values(), ...this.#steps.values()]) compiled.dispose();
    this.#state.dispose();
  }

  #prefillOf(padded: number): CompiledFunction<(...values: PrefillArguments) => Drawn> {
    let compiled = this.#prefills.get(padded);
    if (!compiled) {
      compiled = compile((...values: PrefillArguments) => this.#program.prefill(this.#state, ...values), {
        name: `sampling, prefill of ${padded} tokens`,
        // It runs once an image, and shares its weights.
        variables: 'live',
        precision: this.#compilation.precision,
      });
      this.#prefills.set(padded, compiled);
    }
    return compiled;
  }
}
