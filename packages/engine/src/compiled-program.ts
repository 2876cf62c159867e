import type * as tf from '@tensorflow/tfjs-core';
import { formatShape, modelAxisOf } from '@vitvq/core';
import type { DeviceBuffer, Executable, PlacementHints, TensorType } from './backend/backend.js';
import type { CompiledEngine, CompileEvent } from './engines.js';
import { EngineError } from './errors.js';
import { narrowProducts, type NarrowMethod, type Precision } from './passes/narrow-products.js';
import { unflatten, type StructureTemplate } from './structure.js';
import { releaseCaptures, trace, type TracedFunction } from './trace/trace.js';

/** A function to compile, and the arguments to compile it for. */
export interface CompileRequest {
  readonly fn: (...values: never[]) => unknown;
  readonly name: string;
  readonly types: readonly TensorType[];
  readonly template: StructureTemplate;
  /** Variables that stay live where the others are frozen; undefined where all are live. */
  readonly live: ReadonlySet<tf.Tensor> | undefined;
  readonly precision: Precision;
  /** How the engine computes in that precision. */
  readonly method: NarrowMethod;
}

/** Identifies the values that a tensor had at some time. */
interface DataStamp {
  readonly tensor: tf.Tensor;
  readonly dataId: object;
  readonly version: number;
}

/** A traced function for one set of argument types, prepared by the backend of an engine. */
export class CompiledProgram {
  readonly #engine: CompiledEngine;
  readonly #name: string;
  readonly #traced: TracedFunction;
  readonly #executable: Executable;
  /** Which data the frozen variables had when the program was compiled. */
  readonly #stamps: readonly DataStamp[];

  /** @param onFailure  called when the backend cannot load the program */
  constructor(engine: CompiledEngine, request: CompileRequest, onFailure: () => void) {
    const { fn, name, types, template, live, precision, method } = request;
    const start = performance.now();
    const report = (event: CompileEvent): void => engine.onCompile?.(event);
    report({ name, phase: 'start' });
    const traced = trace(fn, types, template, name);
    const frozen = live ? frozenInputs(traced, live) : new Map<number, tf.Tensor>();
    this.#engine = engine;
    this.#name = name;
    this.#traced = traced;
    this.#executable = engine.device.backend.prepare({
      name,
      graph: narrowProducts(traced.graph, precision, method),
      resultCount: traced.resultCount,
      stateInputs: inputsOfStates(traced),
      frozen: new Map(
        [...frozen].map(([index, tensor]): [number, () => DeviceBuffer] => [
          index,
          () => engine.device.bufferOf(tensor),
        ]),
      ),
      placement: placementOf(traced),
    });
    this.#stamps = [...frozen.values()].map((tensor) => this.#stampOf(tensor));
    this.#executable.ready.then(
      () => report({ name, phase: 'done', milliseconds: performance.now() - start }),
      onFailure, // the run that follows reports it
    );
  }

  #stampOf(tensor: tf.Tensor): DataStamp {
    return { tensor, dataId: tensor.dataId, version: this.#engine.device.versionOf(tensor.dataId) };
  }

  /** Whether values that were compiled in have changed since. */
  isStale(): boolean {
    return this.#stamps.some(({ tensor, dataId, version }) => {
      const now = this.#stampOf(tensor);
      return now.dataId !== dataId || now.version !== version;
    });
  }

  /** Runs the program several times in a row and returns the results of each run. */
  async run(values: readonly tf.Tensor[], times: number): Promise<unknown[]> {
    const { device } = this.#engine;
    const { captures, assigned, resultTemplate } = this.#traced;
    const operands = [...values, ...captures.map(({ tensor }) => tensor)];
    this.#assertAlive(operands);
    // The states come first, since this may give a variable data of its own.
    const states = assigned.map((variable) => device.writableBufferOf(variable));
    const inputs = operands.map((tensor, index) =>
      this.#executable.inputs.has(index) ? device.bufferOf(tensor) : undefined,
    );
    const { results, done } = device.backend.run(this.#executable, inputs, states, times);
    for (const variable of assigned) device.written(variable);
    const host = await done;
    return results.map((buffers, run) => {
      const tensors = buffers.map((buffer, index) => device.tensorOf(buffer, host[run]![index]));
      return unflatten(resultTemplate, tensors);
    });
  }

  #assertAlive(tensors: readonly tf.Tensor[]): void {
    const disposed = tensors.find((tensor) => tensor.isDisposed);
    if (!disposed) return;
    throw new EngineError({
      where: this.#name,
      expected: 'tensors and variables that are alive',
      got: `a disposed one, ${disposed.dtype} ${formatShape(disposed.shape)}`,
      fix: 'Dispose of models after their last use.',
    });
  }

  /** Frees the program. */
  unload(): void {
    this.abandon();
    this.#engine.device.backend.unload(this.#executable);
  }

  /** Lets go of captured tensors, for a program whose engine has ended. */
  abandon(): void {
    releaseCaptures(this.#traced);
  }
}

/** Captured tensors whose values become part of the program, by the index of their graph input. */
function frozenInputs(
  { captures, assigned, argumentCount }: TracedFunction,
  live: ReadonlySet<tf.Tensor>,
): Map<number, tf.Tensor> {
  const written = new Set<tf.Tensor>(assigned);
  return new Map(
    captures.flatMap(({ tensor }, index): [number, tf.Tensor][] =>
      live.has(tensor) || written.has(tensor) ? [] : [[argumentCount + index, tensor]],
    ),
  );
}

/** Returns what is known about where the inputs and states of a function belong. */
function placementOf({ captures, assigned, argumentCount }: TracedFunction): PlacementHints {
  const axesOf = (tensors: readonly tf.Tensor[], first: number): Map<number, number> =>
    new Map(
      tensors.flatMap((tensor, index): [number, number][] => {
        const axis = modelAxisOf(tensor);
        return axis === undefined ? [] : [[first + index, axis]];
      }),
    );
  const captured = captures.map(({ tensor }) => tensor);
  return {
    argumentCount,
    inputModelAxes: axesOf(captured, argumentCount),
    stateModelAxes: axesOf(assigned, 0),
  };
}

/**
 * For each assigned variable, the index of the graph input with its old value, where it is read.
 */
function inputsOfStates({ captures, assigned, argumentCount }: TracedFunction): (number | undefined)[] {
  return assigned.map((variable) => {
    const capture = captures.findIndex(({ tensor }) => tensor === variable);
    return capture < 0 ? undefined : argumentCount + capture;
  });
}
