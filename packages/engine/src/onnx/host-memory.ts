import { MessageChannel } from 'node:worker_threads';
import { InferenceSession, type Tensor } from 'onnxruntime-node';
import { smallBytes } from '../backend/backend.js';
import type { RunReply, RunRequest } from '../backend/worker-protocol.js';
import type { TypedArray } from '../ir/graph.js';
import { inPlaceKernels } from './in-place/kernels.js';
import { moveToWasm, wasmMemoryOf } from './in-place/wasm-memory.js';
import type { OnnxLoadRequest, OperandSource, ProgramDefinition } from './protocol.js';
import {
  externalInitializer,
  hostTensor,
  inSlot,
  programOptions,
  valuesOf,
  type LoadedProgram,
  type OnnxMemory,
} from './runtime.js';

interface Program {
  readonly definition: ProgramDefinition;
  /** Undefined where the graph computes nothing; ONNX Runtime refuses an empty one. */
  readonly session: InferenceSession | undefined;
  /** How often its states were moved into memory of WebAssembly. */
  moves: number;
  /** Tensors that outputs are written to: the spare tensor of each state, and scratch. */
  readonly buffers: (Tensor | undefined)[];
}

/**
 * Returns tensors in host memory and the programs that run on them.
 * @param providers  execution providers that compute, in the order of preference
 */
export function hostMemory(providers: readonly string[], threads: number): OnnxMemory {
  const slots = new Map<number, Tensor>();

  async function load({ definition, model, initializers }: OnnxLoadRequest): Promise<LoadedProgram> {
    // ONNX Runtime reads the memory of the tensors themselves while the session is created.
    const externalData = initializers.map(({ index, slot }) =>
      externalInitializer(index, valuesOf(inSlot(slots, slot))),
    );
    const { outputs, resultCount } = definition;
    const session =
      outputs.length === 0
        ? undefined
        : await InferenceSession.create(model, {
            ...programOptions,
            executionProviders: [...providers],
            intraOpNumThreads: threads,
            externalData,
            // The memory plan of the second run would be allocated beside the memory of the first
            // run: 1.3 times the memory, and no faster.
            enableMemPattern: false,
            // A pass of ours merges equal operations; the first optimizer would merge what is
            // computed again to save memory too. The second one computes eight channels where a
            // blur has one.
            extra: {
              optimization: { disable_specified_optimizers: 'CommonSubexpressionElimination;NchwcTransformer' },
              // Each program has threads of its own. They would spin for some 40 ms after a run, at
              // the expense of the next program.
              session: { force_spinning_stop: '1' },
            },
          });
    const program: Program = {
      definition,
      session,
      moves: 0,
      buffers: outputs.map((output, index) => (index < resultCount ? undefined : hostTensor(output))),
    };
    return {
      run: (request, results) => runOnce(slots, program, request, results),
      release: async () => session?.release(),
    };
  }

  return {
    upload: (slot, type, data) => void slots.set(slot, hostTensor(type, data)),
    copy: (from, to) => {
      const { type, dims, data } = inSlot(slots, from);
      slots.set(to, hostTensor({ shape: dims, dtype: type as 'float32' }, (data as TypedArray).slice()));
    },
    free: (slot) => void slots.delete(slot),
    read: (slot) => valuesOf(inSlot(slots, slot)).slice(),
    load,
    end: async () => {},
  };
}

/** A program whose states others move away again and again is left alone after so many moves. */
const mostMoves = 3;

/** Moves states into memory of WebAssembly, where kernels of a program are faster on it. */
function moveStates(slots: Map<number, Tensor>, program: Program, { inputs }: RunRequest): void {
  if (program.moves === mostMoves) return;
  const groups = program.definition.updates.flatMap(({ kernel, sources }): number[][] => {
    const { replaces, prefersWasmMemory = false } = inPlaceKernels[kernel]!;
    if (!prefersWasmMemory) return [];
    const states = replaces.flatMap((operand) => {
      const source = sources[operand]!;
      return 'input' in source ? [inputs[source.input]!] : [];
    });
    return wasmMemoryOf(states.map((slot) => valuesOf(inSlot(slots, slot)))) ? [] : [states];
  });
  if (groups.length === 0) return;
  program.moves++;
  const values = groups.map((group) => group.map((slot) => valuesOf(inSlot(slots, slot)) as Float32Array));
  const moved = moveToWasm(values);
  if (moved === undefined) {
    program.moves = mostMoves;
    return;
  }
  groups.forEach((group, index) =>
    group.forEach((slot, at) => {
      const { dims } = inSlot(slots, slot);
      slots.set(slot, hostTensor({ shape: dims, dtype: 'float32' }, moved[index]![at]));
    }),
  );
  freeMemory(values.flat());
}

/**
 * Frees the memory of arrays that nobody uses any more. The thread makes too little garbage for its
 * collector to do so soon: weights would be there twice until the end.
 */
function freeMemory(arrays: readonly Float32Array[]): void {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  // What is transferred to a port without another end is lost.
  port1.postMessage(undefined, [...new Set(arrays.map(({ buffer }) => buffer as ArrayBuffer))]);
  port1.close();
}

async function runOnce(
  slots: Map<number, Tensor>,
  program: Program,
  request: RunRequest,
  results: readonly number[],
): Promise<RunReply[number]> {
  const { definition, session, buffers } = program;
  moveStates(slots, program, request);
  const { outputs, resultCount, states } = definition;
  const feeds: Record<string, Tensor> = {};
  for (const { index, shape, dtype } of definition.inputs) {
    // Tensors that share data may differ in shape, since a reshape copies nothing.
    feeds[`input${index}`] = hostTensor({ shape, dtype }, valuesOf(inSlot(slots, request.inputs[index]!)));
  }
  const fetches: Record<string, Tensor> = {};
  const written = outputs.map((output, index) => (fetches[`output${index}`] = buffers[index] ?? hostTensor(output)));
  await session?.run(feeds, fetches);

  const valuesFrom = (source: OperandSource): TypedArray =>
    valuesOf('input' in source ? inSlot(slots, request.inputs[source.input]!) : written[source.output]!);
  for (const { kernel, sources, attributes, shapes } of definition.updates) {
    inPlaceKernels[kernel]!.run(sources.map(valuesFrom), { attributes, shapes });
  }
  // A state and its spare tensor change places, so that every step uses the same storage.
  states.forEach((state, index) => {
    const slot = request.states[state]!;
    const output = resultCount + index;
    buffers[output] = inSlot(slots, slot);
    slots.set(slot, written[output]!);
  });
  return results.map((slot, index) => {
    const tensor = written[index]!;
    slots.set(slot, tensor);
    return valuesOf(tensor).byteLength <= smallBytes ? valuesOf(tensor).slice() : undefined;
  });
}
