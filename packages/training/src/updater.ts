import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, ConfigError, detach } from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import { applyGradients, GradientAccumulator, type Optimizer } from '@vitvq/optim';
import { keepUnlessFinite } from './keep-unless-finite.js';

/** What a loss function comes to: numbers worth knowing, and a gradient for each variable by dotted name. */
export interface LossGradients {
  readonly values: Readonly<Record<string, tf.Scalar>>;
  readonly gradients: ReadonlyMap<string, tf.Tensor>;
}

/** From the tensors of a (micro-)batch; plain tfjs code that compiles. */
export type GradientFunction<Inputs extends readonly tf.Tensor[]> = (...inputs: Inputs) => LossGradients;

export interface UpdaterOptions {
  /** What messages and compile events call it. */
  readonly name: string;
  /** Built over `variables`. The updater does not dispose of it. */
  readonly optimizer: Optimizer;
  /** What is trained, by dotted name. */
  readonly variables: ReadonlyMap<string, tf.Variable>;
  /** What gradient functions assign besides (usage counts, running statistics): kept as it was where a step fails. */
  readonly state?: ReadonlyMap<string, tf.Variable>;
  /** Longest gradient, by norm over all variables together; null: no limit. @default null */
  readonly clipNorm?: number | null;
  /** Micro-batches whose mean gradient makes one update. @default 1 */
  readonly accumulate?: number;
}

export interface UpdateResult {
  /** Those of the gradient function, means over the micro-batches. */
  readonly values: Readonly<Record<string, number>>;
  /** Over all variables together, before clipping. */
  readonly gradientNorm: number;
  /** Of each variable, before clipping. */
  readonly gradientNorms: ReadonlyMap<string, number>;
  /** Whether all these numbers are finite; otherwise nothing has changed. */
  readonly isFinite: boolean;
}

/**
 * Trains one set of variables: gradients, accumulation, clipping, update, all compiled. A step with a NaN or infinite value
 * or gradient leaves variables, optimizer and state as they were, bit for bit.
 *
 * With `accumulate` the gradient is the mean over micro-batches, which equals that of the whole batch where the loss is a
 * mean over examples that do not see each other. Each call reads one small tensor back (one a micro-batch).
 */
export class Updater {
  readonly #options: UpdaterOptions;
  readonly #accumulate: number;
  readonly #accumulator: GradientAccumulator | undefined;
  readonly #compiled = new Map<string, Packed>();

  /** @throws {ConfigError} */
  constructor(options: UpdaterOptions) {
    const { accumulate = 1, variables, name } = options;
    assertInteger(accumulate, 'accumulate', name);
    this.#options = options;
    this.#accumulate = accumulate;
    this.#accumulator = accumulate > 1 ? new GradientAccumulator(variables) : undefined;
  }

  /**
   * One update.
   * @param variant  names what `create` makes; it is made and compiled once for each name
   * @param batches  inputs of each micro-batch, `accumulate` of them; the caller disposes of them
   * @throws {ConfigError} for another number of micro-batches
   */
  async update<Inputs extends readonly tf.Tensor[]>(
    variant: string,
    create: () => GradientFunction<Inputs>,
    batches: readonly Inputs[],
    learningRate: number,
  ): Promise<UpdateResult> {
    if (batches.length !== this.#accumulate) {
      throw new ConfigError({
        where: this.#options.name,
        expected: `${this.#accumulate} micro-batches`,
        got: String(batches.length),
      });
    }
    const rate = tf.scalar(learningRate);
    try {
      if (!this.#accumulator) return resultOf(await this.#whole(variant, create).run(rate, ...batches[0]!));
      return await this.#accumulated(this.#accumulator, variant, create, batches, rate);
    } finally {
      rate.dispose();
    }
  }

  dispose(): void {
    for (const compiled of this.#compiled.values()) compiled.dispose();
    this.#compiled.clear();
    this.#accumulator?.dispose();
  }

  /** Gradients and update in one function. */
  #whole<Inputs extends readonly tf.Tensor[]>(variant: string, create: () => GradientFunction<Inputs>): Packed {
    return this.#once(variant, (pack) => {
      const gradientsOf = create();
      const { optimizer, clipNorm = null } = this.#options;
      return (rate, ...inputs) =>
        tf.tidy(() =>
          keepUnlessFinite(this.#state, () => {
            const { values, gradients } = gradientsOf(...(inputs as readonly tf.Tensor[] as Inputs));
            const total = sumOf(values);
            const { gradientNorm, gradientNorms } = applyGradients(
              { optimizer, clipNorm },
              gradients,
              rate as tf.Scalar,
              { alsoFinite: total },
            );
            const result = pack({ ...values, gradientNorm }, gradientNorms, [...gradients.keys()]);
            return { result, finite: tf.add<tf.Scalar>(total, gradientNorm) };
          }),
        );
    });
  }

  async #accumulated<Inputs extends readonly tf.Tensor[]>(
    accumulator: GradientAccumulator,
    variant: string,
    create: () => GradientFunction<Inputs>,
    batches: readonly Inputs[],
    rate: tf.Scalar,
  ): Promise<UpdateResult> {
    const add = this.#once(variant, (pack) => {
      const gradientsOf = create();
      return (...inputs) =>
        tf.tidy(() => {
          const { values, gradients } = gradientsOf(...(inputs as readonly tf.Tensor[] as Inputs));
          accumulator.add(gradients);
          return pack(values);
        });
    });
    // Good micro-batches before the one that fails have moved it too.
    const former = [...this.#state].map((variable) => [variable, detach(variable)] as const);
    const means: Record<string, number> = {};
    for (const batch of batches) {
      const { values } = await add.run(...batch);
      for (const [name, value] of Object.entries(values)) means[name] = (means[name] ?? 0) + value / batches.length;
    }
    const apply = this.#once('apply', (pack) => {
      const { optimizer, clipNorm = null } = this.#options;
      return (learningRate, total) =>
        tf.tidy(() => {
          const gradients = accumulator.mean(batches.length);
          const { gradientNorm, gradientNorms } = applyGradients(
            { optimizer, clipNorm },
            gradients,
            learningRate as tf.Scalar,
            { alsoFinite: total as tf.Scalar },
          );
          accumulator.clear();
          return pack({ gradientNorm }, gradientNorms, [...gradients.keys()]);
        });
    });
    const total = tf.scalar(Object.values(means).reduce((sum, value) => sum + value, 0));
    const { values, norms } = await apply.run(rate, total);
    total.dispose();
    const result = resultOf({ values: { ...means, ...values }, norms });
    for (const [variable, value] of former) {
      if (!result.isFinite) variable.assign(value);
      value.dispose();
    }
    return result;
  }

  get #state(): Iterable<tf.Variable> {
    return this.#options.state?.values() ?? [];
  }

  #once(variant: string, create: (pack: Pack) => (...inputs: tf.Tensor[]) => tf.Tensor1D): Packed {
    const existing = this.#compiled.get(variant);
    if (existing) return existing;
    const created = new Packed(`${this.#options.name}, ${variant}`, create);
    this.#compiled.set(variant, created);
    return created;
  }
}

interface PackedResult {
  readonly values: Readonly<Record<string, number>>;
  readonly norms: ReadonlyMap<string, number>;
}

/** Puts scalars, and a vector with a name an element, into one tensor, so that one read-back gets them all. */
type Pack = (
  values: Readonly<Record<string, tf.Scalar>>,
  norms?: tf.Tensor1D,
  normNames?: readonly string[],
) => tf.Tensor1D;

/** A compiled function that returns one packed tensor; the names are learned when it is traced. */
class Packed {
  readonly #fn: CompiledFunction<(...inputs: tf.Tensor[]) => tf.Tensor1D>;
  #names: readonly string[] = [];
  #normNames: readonly string[] = [];

  constructor(name: string, create: (pack: Pack) => (...inputs: tf.Tensor[]) => tf.Tensor1D) {
    const pack: Pack = (values, norms, normNames = []) => {
      this.#names = Object.keys(values);
      this.#normNames = normNames;
      const scalars = tf.stack(Object.values(values)) as tf.Tensor1D;
      return norms ? tf.concat1d([scalars, norms]) : scalars;
    };
    this.#fn = compile(create(pack), { name });
  }

  async run(...inputs: tf.Tensor[]): Promise<PackedResult> {
    const output = await this.#fn(...inputs);
    const numbers = await output.data();
    output.dispose();
    const count = this.#names.length;
    return {
      values: Object.fromEntries(this.#names.map((name, index) => [name, numbers[index]!])),
      norms: new Map(this.#normNames.map((name, index) => [name, numbers[count + index]!])),
    };
  }

  dispose(): void {
    this.#fn.dispose();
  }
}

/** Not finite where any of them is not. */
function sumOf(values: Readonly<Record<string, tf.Scalar>>): tf.Scalar {
  return Object.values(values).reduce((sum, value) => tf.add<tf.Scalar>(sum, value));
}

function resultOf({ values, norms }: PackedResult): UpdateResult {
  const { gradientNorm, ...rest } = values;
  return {
    values: rest,
    gradientNorm: gradientNorm!,
    gradientNorms: norms,
    isFinite: Object.values(values).every(Number.isFinite),
  };
}
