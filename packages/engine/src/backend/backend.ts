import { isNarrow, sizeOf, type Graph, type HostType, type TypedArray, type ValueType } from '../ir/graph.js';

/** Shape and dtype of a tensor. */
export interface TensorType {
  readonly shape: readonly number[];
  readonly dtype: HostType;
}

/** Returns the type of an input or output of a graph, which is never narrow. */
export function hostTypeOf({ shape, dtype }: ValueType): TensorType {
  if (isNarrow(dtype)) throw new Error(`an input or output of a graph is ${dtype}`);
  return { shape, dtype };
}

/** Returns the number of bytes of a tensor's values in host memory. */
export const byteSizeOf = ({ shape, dtype }: TensorType): number => sizeOf(shape) * (dtype === 'bool' ? 1 : 4);

/** A tensor in the memory of a backend, known by its number there. */
export interface DeviceBuffer extends TensorType {
  readonly id: number;
}

/** A traced function as a backend receives it. */
export interface Program {
  /** Name of the function, for messages. */
  readonly name: string;
  /** Outputs: the results of the function, then the new values of its states. */
  readonly graph: Graph;
  readonly resultCount: number;
  /**
   * For each state (a variable that the function assigns), the index of the graph input with the
   * old value; undefined where the function does not read it.
   */
  readonly stateInputs: readonly (number | undefined)[];
  /**
   * Graph inputs whose values stay the same as long as the executable lives, by index. A backend
   * may compile the values in; it asks for the buffers of those that it needs.
   */
  readonly frozen: ReadonlyMap<number, () => DeviceBuffer>;
  /**
   * What a backend of several devices must know to place the inputs. @default inputs that are no
   * state are arguments, and no weight has an axis of the model
   */
  readonly placement?: PlacementHints;
}

/** Facts about inputs and states that decide on which devices of a mesh they lie. */
export interface PlacementHints {
  /** Number of graph inputs, from the first, that are arguments of the function. */
  readonly argumentCount: number;
  /** Axis of graph inputs that may be sharded over the axis `model` of a mesh, by index. */
  readonly inputModelAxes: ReadonlyMap<number, number>;
  /** The same of states. */
  readonly stateModelAxes: ReadonlyMap<number, number>;
}

/** A program that a backend has prepared. */
export interface Executable {
  /** Number of the executable within its backend. */
  readonly id: number;
  /** Indices of the graph inputs that a run reads; the others may be left out. */
  readonly inputs: ReadonlySet<number>;
  /** Settles when the program can run; rejects with the reason why it cannot. */
  readonly ready: Promise<void>;
}

/** Runs that a backend has been asked for. */
export interface Run {
  /**
   * Buffers of the results, run by run. They can be used at once, as operands of further runs too.
   */
  readonly results: readonly (readonly DeviceBuffer[])[];
  /**
   * Settles when the runs are over, with the values of small results where the backend has them at
   * hand. When it rejects, the results have no values; the caller frees them.
   */
  readonly done: Promise<readonly (readonly (TypedArray | undefined)[])[]>;
}

/**
 * A runtime that compiles graphs and runs them on memory of its own. Everything above it (tracing,
 * passes, variables, TensorFlow.js) is the same for all backends.
 *
 * Requests take effect in the order in which they are made: a `read` sees the runs before it. Calls
 * return at once; failures show in the promises that they return, or in a later one where a call
 * returns none. All errors are `EngineError`s.
 */
export interface Backend {
  /** Lowers and loads a program. */
  prepare(program: Program): Executable;
  /** Copies values from host memory; the array may be changed afterwards. */
  upload(values: TypedArray, type: TensorType): DeviceBuffer;
  /** Copies a buffer within the memory of the backend. */
  copy(buffer: DeviceBuffer): DeviceBuffer;
  /** Returns the values of a buffer; the array belongs to the caller. */
  read(buffer: DeviceBuffer): Promise<TypedArray>;
  /** As `read`, and blocks the thread until all earlier requests are done. */
  readSync(buffer: DeviceBuffer): TypedArray;
  /**
   * Runs a program `times` in a row, each run with the states that the one before has left.
   * @param inputs  a buffer for each graph input; undefined for those that a run does not read
   * @param states  the buffer of each state, which holds the new value afterwards; no other tensor
   *   shares it
   */
  run(
    executable: Executable,
    inputs: readonly (DeviceBuffer | undefined)[],
    states: readonly DeviceBuffer[],
    times: number,
  ): Run;
  /** Frees the memory of a buffer. */
  free(buffer: DeviceBuffer): void;
  /** Frees a prepared program. */
  unload(executable: Executable): void;
  /**
   * Ends the backend after all earlier requests; later requests are refused.
   * @param failure  why the program fails, which the other processes of a run are told at once
   */
  terminate(failure?: string): Promise<void>;
}

/**
 * Results up to this size in bytes are kept in host memory too, so that reading them costs nothing.
 */
export const smallBytes = 65_536;
