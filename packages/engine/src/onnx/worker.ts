/**
 * The thread that owns ONNX Runtime. `session.run` blocks its thread, and ONNX Runtime refuses
 * shared memory. The sessions and every tensor on the engine therefore live here, and the main
 * thread stays free for timers, signals and data.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { sizeOf, typedArray, type TypedArray } from '../ir/graph.js';
import { smallBytes, type TensorType } from '../backend/backend.js';
import { inPlaceKernels } from './in-place/kernels.js';
import {
  type OperandSource,
  type ProgramDefinition,
  type ReplyMessage,
  type Request,
  type RequestMessage,
  type RunReply,
  type WorkerOptions,
} from './protocol.js';
import { WorkerControl } from './worker-control.js';

const port = parentPort!;
const { threads, control: memory } = workerData as WorkerOptions;
const control = new WorkerControl(memory);
// A main thread that waits for an answer does not see that this thread dies.
process.once('exit', () => control.setEnded());

interface Program {
  readonly definition: ProgramDefinition;
  /** Undefined where the graph computes nothing; ONNX Runtime refuses an empty one. */
  readonly session: InferenceSession | undefined;
  /** Tensors that outputs are written to: the spare tensor of each state, and scratch. */
  readonly buffers: (Tensor | undefined)[];
}

const slots = new Map<number, Tensor>();
const programs = new Map<number, Program>();
/** Reasons why programs could not be loaded, for runs that were requested before that was known. */
const failures = new Map<number, string>();

function makeTensor({ shape, dtype }: TensorType, data: TypedArray = typedArray(dtype, sizeOf(shape))): Tensor {
  return new Tensor(dtype, data, [...shape]);
}

const valuesOf = (tensor: Tensor): TypedArray => tensor.data as TypedArray;

function slotTensor(slot: number): Tensor {
  const tensor = slots.get(slot);
  if (!tensor) throw new Error(`tensor ${slot} was disposed of`);
  return tensor;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

type LoadRequest = Extract<Request, { kind: 'load' }>;

async function load({ definition, model, initializers }: LoadRequest): Promise<Program> {
  // ONNX Runtime reads the memory of the tensors themselves while the session is created.
  const externalData = initializers.map(({ index, slot }) => {
    const { buffer, byteOffset, byteLength } = valuesOf(slotTensor(slot));
    return { path: `input${index}`, data: new Uint8Array(buffer, byteOffset, byteLength) };
  });
  const { outputs, resultCount } = definition;
  if (outputs.length === 0) return { definition, session: undefined, buffers: [] };
  const session = await InferenceSession.create(model, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 4, // what fails is told by the error of the run
    externalData,
    // The memory plan of the second run would be allocated beside the memory of the first run: 1.3
    // times the memory, and no faster.
    enableMemPattern: false,
    // A pass of ours merges equal operations; the first optimizer would merge what is computed
    // again to save memory too. The second one computes eight channels where a blur has one.
    extra: {
      optimization: { disable_specified_optimizers: 'CommonSubexpressionElimination;NchwcTransformer' },
      // Each program has threads of its own. They would spin for some 40 ms after a run, at the
      // expense of the next program.
      session: { force_spinning_stop: '1' },
    },
  });
  return {
    definition,
    session,
    buffers: outputs.map((output, index) => (index < resultCount ? undefined : makeTensor(output))),
  };
}

type RunRequest = Extract<Request, { kind: 'run' }>;

async function run(request: RunRequest): Promise<RunReply> {
  const program = programs.get(request.program);
  if (!program) throw new Error(failures.get(request.program) ?? 'the program was disposed of');
  const values: RunReply[number][] = [];
  try {
    for (const results of request.results) {
      if (control.isStopping) throw new Error('the process is about to end');
      values.push(await runOnce(program, request, results));
    }
  } catch (error) {
    for (const slot of request.results.flat()) slots.delete(slot); // no request will read them
    throw error;
  }
  return values;
}

/** Runs a program once and returns the values of small results. */
async function runOnce(
  { definition, session, buffers }: Program,
  request: RunRequest,
  results: readonly number[],
): Promise<RunReply[number]> {
  const { outputs, resultCount, stateCount } = definition;
  const feeds: Record<string, Tensor> = {};
  for (const { index, shape, dtype } of definition.inputs) {
    // Tensors that share data may differ in shape, since a reshape copies nothing.
    feeds[`input${index}`] = makeTensor({ shape, dtype }, valuesOf(slotTensor(request.inputs[index]!)));
  }
  const fetches: Record<string, Tensor> = {};
  const written = outputs.map((output, index) => (fetches[`output${index}`] = buffers[index] ?? makeTensor(output)));
  await session?.run(feeds, fetches);

  const valuesFrom = (source: OperandSource): TypedArray =>
    valuesOf('input' in source ? slotTensor(request.inputs[source.input]!) : written[source.output]!);
  for (const { kernel, sources, attributes, shapes } of definition.updates) {
    inPlaceKernels[kernel]!.run(sources.map(valuesFrom), { attributes, shapes });
  }
  // A state and its spare tensor change places, so that every step uses the same storage.
  for (let index = 0; index < stateCount; index++) {
    const slot = request.states[index]!;
    const output = resultCount + index;
    buffers[output] = slotTensor(slot);
    slots.set(slot, written[output]!);
  }
  return results.map((slot, index) => {
    const tensor = written[index]!;
    slots.set(slot, tensor);
    return valuesOf(tensor).byteLength <= smallBytes ? valuesOf(tensor).slice() : undefined;
  });
}

async function handle(request: Request): Promise<{ value?: unknown; transfer?: ArrayBuffer[] }> {
  switch (request.kind) {
    case 'upload':
      slots.set(request.slot, makeTensor(request.tensor, request.data));
      return {};
    case 'free':
      slots.delete(request.slot);
      return {};
    case 'copy': {
      const { type, dims, data } = slotTensor(request.from);
      slots.set(request.to, new Tensor(type, (data as TypedArray).slice(), dims));
      return {};
    }
    case 'load': {
      try {
        programs.set(request.program, await load(request));
      } catch (error) {
        failures.set(request.program, `${request.definition.name} could not be loaded: ${messageOf(error)}`);
        throw error;
      }
      return {};
    }
    case 'unload':
      await programs.get(request.program)?.session?.release();
      programs.delete(request.program);
      return {};
    case 'run': {
      const value = await run(request);
      return { value, transfer: value.flat().flatMap((data) => (data ? [data.buffer as ArrayBuffer] : [])) };
    }
    case 'read': {
      const value = valuesOf(slotTensor(request.slot)).slice();
      return { value, transfer: [value.buffer] };
    }
    case 'readInto': {
      const values = valuesOf(slotTensor(request.slot));
      request.target.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      Atomics.store(request.control, 0, 1);
      Atomics.notify(request.control, 0);
      return {};
    }
  }
}

// Requests are served one after the other, in the order of arrival: a read sees the runs before it.
let queue = Promise.resolve();
port.on('message', ({ id, request }: RequestMessage) => {
  queue = queue.then(async () => {
    // `busy` is set before `stop` is read: either the main thread sees `busy` or this thread sees
    // `stop`.
    control.setBusy(true);
    try {
      if (control.isStopping) return;
      const { value, transfer } = await handle(request);
      port.postMessage({ id, value }, transfer);
    } catch (error) {
      if (request.kind === 'readInto') {
        Atomics.store(request.control, 0, 2);
        Atomics.notify(request.control, 0);
      }
      port.postMessage({ id, error: messageOf(error) } satisfies ReplyMessage);
    } finally {
      control.setBusy(false);
    }
  });
});
