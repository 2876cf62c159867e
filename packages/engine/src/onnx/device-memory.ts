import { InferenceSession, Tensor } from 'onnxruntime-node';
import { smallBytes, type TensorType } from '../backend/backend.js';
import type { RunReply, RunRequest } from '../backend/worker-protocol.js';
import { sameShape, sizeOf, type HostType, type TypedArray } from '../ir/graph.js';
import { encodeModel, runtimeHeader } from './proto.js';
import type { OnnxLoadRequest, ProgramDefinition } from './protocol.js';
import {
  externalInitializer,
  hostTensor,
  inSlot,
  programOptions,
  valuesOf,
  type LoadedProgram,
  type OnnxMemory,
} from './runtime.js';

/** Where the outputs of a session are left. */
type Location = 'cpu' | 'gpu-buffer';

/** Options of all sessions: a node that the device has no kernel for is an error when it loads. */
const deviceOptions = {
  ...programOptions,
  // Another layout adds transposes, and they move to where booleans have no kernel for them.
  executionProviders: [{ name: 'webgpu', preferredLayout: 'NCHW' }],
  extra: {
    // As in host memory, what is computed again to save memory stays so. The second optimizer moves
    // transposes.
    optimization: { disable_specified_optimizers: 'CommonSubexpressionElimination;TransposeOptimizer' },
    session: { disable_cpu_ep_fallback: '1' },
  },
} satisfies InferenceSession.SessionOptions;

/**
 * The session of a program, which lives as long as a tensor that it has made: freeing one later
 * would end the process.
 */
class ProgramSession {
  readonly session: InferenceSession;
  #tensors = 0;
  #isUnloaded = false;

  constructor(session: InferenceSession) {
    this.session = session;
  }

  /** Says that a tensor was made, or with -1 that it was freed. */
  count(tensors: 1 | -1): void {
    this.#tensors += tensors;
    this.#releaseUnused();
  }

  /** Says that the program runs no more. */
  unload(): void {
    this.#isUnloaded = true;
    this.#releaseUnused();
  }

  #releaseUnused(): void {
    if (this.#isUnloaded && this.#tensors === 0) void this.session.release();
  }
}

/** Values of one or more slots. They never change: a run makes new ones. */
interface Held {
  readonly type: TensorType;
  tensor: Tensor;
  /** What has made the tensor, where a program has. */
  readonly origin?: ProgramSession;
  /** Number of slots that hold the values. */
  holders: number;
}

/**
 * Sessions that move tensors between host and device and give them other shapes. `getData` of a
 * tensor on the device would end the process.
 */
class Movers {
  readonly #sessions = new Map<string, Promise<InferenceSession>>();

  /** Returns a tensor in a place, with a shape; the given one stays as it is. */
  async move(tensor: Tensor, { shape, dtype }: TensorType, to: Location): Promise<Tensor> {
    const key = `${dtype} ${to}`;
    let session = this.#sessions.get(key);
    if (!session) this.#sessions.set(key, (session = makeMover(dtype, to)));
    const target = new Tensor('int64', BigInt64Array.from(shape, BigInt), [shape.length]);
    return (await (await session).run({ x: tensor, shape: target }))['y']!;
  }

  async release(): Promise<void> {
    for (const session of this.#sessions.values()) await (await session).release();
    this.#sessions.clear();
  }
}

/** Makes a session that reshapes a tensor of any shape. */
function makeMover(dtype: HostType, to: Location): Promise<InferenceSession> {
  const model = encodeModel(
    {
      nodes: [{ opType: 'Reshape', domain: '', inputs: ['x', 'shape'], outputs: ['y'], attributes: { allowzero: 1 } }],
      initializers: [],
      inputs: [
        { name: 'x', shape: undefined, dtype },
        { name: 'shape', shape: ['rank'], dtype: 'int64' },
      ],
      outputs: [{ name: 'y', shape: undefined, dtype }],
    },
    runtimeHeader,
  );
  return InferenceSession.create(model, { ...deviceOptions, preferredOutputLocation: to });
}

const bytesOf = ({ shape, dtype }: TensorType): number => sizeOf(shape) * (dtype === 'bool' ? 1 : 4);

/** Returns tensors in the memory of a WebGPU device and the programs that run on them. */
export function deviceMemory(): OnnxMemory {
  const slots = new Map<number, Held>();
  const movers = new Movers();

  function free(slot: number): void {
    const held = slots.get(slot);
    slots.delete(slot);
    if (!held || --held.holders > 0) return;
    held.tensor.dispose();
    held.origin?.count(-1);
  }

  function hold(slot: number, held: Held): void {
    if (held.holders++ === 0) held.origin?.count(1);
    free(slot);
    slots.set(slot, held);
  }

  async function hostValues(slot: number): Promise<TypedArray> {
    const { tensor, type } = inSlot(slots, slot);
    return tensor.location === 'cpu' ? valuesOf(tensor).slice() : valuesOf(await movers.move(tensor, type, 'cpu'));
  }

  /** Returns a tensor as a program takes it, and adds to `temporary` what no slot holds. */
  async function operand(held: Held, type: TensorType, temporary: Tensor[]): Promise<Tensor> {
    const isOnHost = held.tensor.location === 'cpu';
    // What is small goes with each run, and is on the host where it is read.
    if (isOnHost && bytesOf(type) <= smallBytes) return hostTensor(type, valuesOf(held.tensor));
    if (isOnHost) held.tensor = await movers.move(held.tensor, held.type, 'gpu-buffer');
    // Tensors that share data may differ in shape.
    if (sameShape(held.type.shape, type.shape)) return held.tensor;
    const reshaped = await movers.move(held.tensor, type, 'gpu-buffer');
    temporary.push(reshaped);
    return reshaped;
  }

  async function runOnce(
    { inputs, outputs, resultCount, states }: ProgramDefinition,
    origin: ProgramSession,
    request: RunRequest,
    results: readonly number[],
  ): Promise<RunReply[number]> {
    const feeds: Record<string, Tensor> = {};
    const temporary: Tensor[] = [];
    let written: Readonly<Record<string, Tensor>>;
    try {
      for (const { index, shape, dtype } of inputs) {
        const held = inSlot(slots, request.inputs[index]!);
        feeds[`input${index}`] = await operand(held, { shape, dtype }, temporary);
      }
      written = await origin.session.run(feeds);
    } finally {
      for (const tensor of temporary) tensor.dispose();
    }
    const heldOutput = (index: number): Held => ({
      type: outputs[index]!,
      tensor: written[`output${index}`]!,
      origin,
      holders: 0,
    });
    states.forEach((state, index) => hold(request.states[state]!, heldOutput(resultCount + index)));
    return results.map((slot, index) => {
      const held = heldOutput(index);
      hold(slot, held);
      return held.tensor.location === 'cpu' ? valuesOf(held.tensor).slice() : undefined;
    });
  }

  async function load({ definition, model, initializers }: OnnxLoadRequest): Promise<LoadedProgram> {
    const { outputs, resultCount } = definition;
    if (outputs.length === 0) return { run: async () => [], release: async () => {} };
    const externalData: { path: string; data: Uint8Array }[] = [];
    for (const { index, slot } of initializers) externalData.push(externalInitializer(index, await hostValues(slot)));
    const locations = outputs.map((output, index): [string, Location] => {
      const bytes = bytesOf(output);
      const isReadAtOnce = index < resultCount && bytes <= smallBytes;
      return [`output${index}`, bytes === 0 || isReadAtOnce ? 'cpu' : 'gpu-buffer'];
    });
    const session = await InferenceSession.create(model, {
      ...deviceOptions,
      externalData,
      preferredOutputLocation: Object.fromEntries(locations),
    });
    const origin = new ProgramSession(session);
    return {
      run: (request, results) => runOnce(definition, origin, request, results),
      release: async () => origin.unload(),
    };
  }

  return {
    upload: (slot, type, data) => hold(slot, { type, tensor: hostTensor(type, data), holders: 0 }),
    copy: (from, to) => hold(to, inSlot(slots, from)),
    free,
    read: hostValues,
    load,
    end: async () => {
      for (const slot of [...slots.keys()]) free(slot);
      await movers.release();
    },
  };
}
