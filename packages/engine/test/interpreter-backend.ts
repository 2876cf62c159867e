import * as tf from '@tensorflow/tfjs-core';
import {
  hostTypeOf,
  type Backend,
  type DeviceBuffer,
  type Executable,
  type Program,
  type Run,
  type TensorType,
} from '../src/backend/backend.js';
import { EngineError } from '../src/errors.js';
import { interpret } from '../src/ir/interpret.js';
import { typedArray, type TypedArray } from '../src/ir/graph.js';

const refuse = (expected: string, got: string): never => {
  throw new EngineError({ where: 'interpreter', expected, got });
};

/** The simplest backend that keeps the contract: it interprets graphs in the main thread. */
export class InterpreterBackend implements Backend {
  readonly #memory = new Map<number, TypedArray>();
  readonly #programs = new Map<number, { program: Program; frozen: ReadonlyMap<number, TypedArray> }>();
  #next = 0;
  #isRunning = true;

  prepare(program: Program): Executable {
    const id = this.#next++;
    const frozen = new Map([...program.frozen].map(([index, buffer]) => [index, this.#values(buffer()).slice()]));
    this.#programs.set(id, { program, frozen });
    const inputs = [...program.graph.inputs.keys()].filter((index) => !frozen.has(index));
    return { id, inputs: new Set(inputs), ready: Promise.resolve() };
  }

  upload(values: TypedArray, { shape, dtype }: TensorType): DeviceBuffer {
    const buffer = { id: this.#next++, shape, dtype };
    this.#memory.set(buffer.id, typedArray(dtype, values));
    return buffer;
  }

  copy(buffer: DeviceBuffer): DeviceBuffer {
    return this.upload(this.#values(buffer), buffer);
  }

  async read(buffer: DeviceBuffer): Promise<TypedArray> {
    return this.readSync(buffer);
  }

  readSync(buffer: DeviceBuffer): TypedArray {
    return this.#values(buffer).slice();
  }

  run(
    { id }: Executable,
    inputs: readonly (DeviceBuffer | undefined)[],
    states: readonly DeviceBuffer[],
    times: number,
  ): Run {
    const { program, frozen } = this.#programs.get(id) ?? refuse('a prepared program', 'none');
    const types = program.graph.outputs.slice(0, program.resultCount).map(hostTypeOf);
    const results = Array.from({ length: times }, () => types.map((type) => this.upload(new Float32Array(0), type)));
    const runOnce = (buffers: readonly DeviceBuffer[]): void =>
      tf.tidy(() => {
        const operands = program.graph.inputs
          .map(hostTypeOf)
          .map(({ shape, dtype }, index) =>
            tf.tensor(frozen.get(index) ?? this.#values(inputs[index]!), [...shape], dtype),
          );
        const outputs = interpret(program.graph, operands);
        [...buffers, ...states].forEach(({ id: target, dtype }, index) =>
          this.#memory.set(target, typedArray(dtype, outputs[index]!.dataSync())),
        );
      });
    const done = new Promise<readonly (readonly undefined[])[]>((resolve) => {
      results.forEach(runOnce);
      resolve(results.map((buffers) => buffers.map(() => undefined)));
    });
    return { results, done };
  }

  free({ id }: DeviceBuffer): void {
    this.#memory.delete(id);
  }

  unload({ id }: Executable): void {
    this.#programs.delete(id);
  }

  async terminate(): Promise<void> {
    this.#isRunning = false;
  }

  #values({ id }: DeviceBuffer): TypedArray {
    if (!this.#isRunning) refuse('to be in use', 'a use after the end');
    return this.#memory.get(id) ?? refuse('a tensor that is alive', `tensor ${id}, which was freed`);
  }
}
