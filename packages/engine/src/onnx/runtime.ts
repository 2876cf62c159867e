import { Tensor } from 'onnxruntime-node';
import type { TensorType } from '../backend/backend.js';
import type { RunReply, RunRequest } from '../backend/worker-protocol.js';
import { sizeOf, typedArray, type TypedArray } from '../ir/graph.js';
import type { OnnxLoadRequest } from './protocol.js';

/** A program with its session of ONNX Runtime. */
export interface LoadedProgram {
  /**
   * Runs the program once and returns the values of small results.
   * @param results  a new slot for each result
   */
  run(request: RunRequest, results: readonly number[]): Promise<RunReply[number]>;
  /** Frees the session and what it keeps. */
  release(): Promise<void>;
}

/** Where an execution provider of ONNX Runtime keeps tensors, and how it runs programs on them. */
export interface OnnxMemory {
  /** Keeps an array, which is the memory's own from now on. */
  readonly upload: (slot: number, type: TensorType, data: TypedArray) => void;
  readonly copy: (from: number, to: number) => void;
  /** Frees a slot, if it holds a tensor. */
  readonly free: (slot: number) => void;
  /** Returns values in an array of their own. */
  readonly read: (slot: number) => TypedArray | Promise<TypedArray>;
  readonly load: (request: OnnxLoadRequest) => Promise<LoadedProgram>;
  /** Frees what does not end with the thread. */
  readonly end: () => Promise<void>;
}

/** Makes a tensor in host memory, of zeros unless values are given. */
export function hostTensor({ shape, dtype }: TensorType, data: TypedArray = typedArray(dtype, sizeOf(shape))): Tensor {
  return new Tensor(dtype, data, [...shape]);
}

/** Returns the values of a tensor in host memory, which stay the tensor's. */
export const valuesOf = (tensor: Tensor): TypedArray => tensor.data as TypedArray;

/** Returns what a map holds for a slot. */
export function inSlot<Held>(slots: ReadonlyMap<number, Held>, slot: number): Held {
  const held = slots.get(slot);
  if (held === undefined) throw new Error(`tensor ${slot} was disposed of`);
  return held;
}

/** Returns values as ONNX Runtime takes those of an initializer beside the model. */
export function externalInitializer(index: number, values: TypedArray): { path: string; data: Uint8Array } {
  const { buffer, byteOffset, byteLength } = values;
  return { path: `input${index}`, data: new Uint8Array(buffer, byteOffset, byteLength) };
}

/** Options that the sessions of programs share. */
export const programOptions = {
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 4, // what fails is told by the error of the run
} as const;
