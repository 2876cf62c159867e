import type { Program } from '../backend/backend.js';
import { runPasses, type PassOptions } from '../passes/pipeline.js';
import type { Dialect } from './dialect.js';
import { onnxRuntime } from './dialects/onnx-runtime.js';
import { webGpu } from './dialects/webgpu.js';
import { extractInPlace } from './in-place/extract.js';
import { lowerToOnnx, passesFor } from './lower.js';
import { encodeModel } from './proto.js';
import type { ProgramDefinition } from './protocol.js';

/** A program as the worker loads it. */
export interface OnnxProgram {
  readonly definition: ProgramDefinition;
  readonly model: Uint8Array;
  /** Indices of the graph inputs that a run reads; frozen and unused ones are not among them. */
  readonly inputs: ReadonlySet<number>;
  /** Indices of the frozen graph inputs that are initializers of the model. */
  readonly external: readonly number[];
}

/** What a program is made for. */
export interface OnnxTarget {
  readonly dialect: Dialect;
  readonly passes: PassOptions;
  /** Whether the worker updates states in place after the graph, in host memory. */
  readonly updatesInPlace: boolean;
}

// Bodies of composites are not merged with what surrounds them, since they compute again on purpose
// to save memory.
const mergesBodies = false;

/** The passes before ONNX Runtime on tensors in host memory. */
export const runtimePasses = passesFor(onnxRuntime, { mergesBodies });

/** Tensors in host memory. */
export const hostTarget: OnnxTarget = { dialect: onnxRuntime, passes: runtimePasses, updatesInPlace: true };

/** Tensors in the memory of a WebGPU device: everything is part of the graph. */
export const deviceTarget: OnnxTarget = {
  dialect: webGpu,
  passes: passesFor(webGpu, { mergesBodies }),
  updatesInPlace: false,
};

/** Makes an ONNX model of a program, and takes out the updates that the worker does in place. */
export function buildProgram(program: Program, { dialect, passes, updatesInPlace }: OnnxTarget): OnnxProgram {
  const { graph, updates, states } = updatesInPlace
    ? extractInPlace(program)
    : { graph: program.graph, updates: [], states: [...program.stateInputs.keys()] };
  const frozen = new Set(program.frozen.keys());
  const model = lowerToOnnx(runPasses(graph, passes), dialect, { frozen });
  const read = updates.flatMap(({ sources }) => sources.flatMap((source) => ('input' in source ? [source.input] : [])));
  return {
    definition: {
      name: program.name,
      inputs: model.inputs.map(({ shape, dtype }, at) => ({ index: model.inputIndices[at]!, shape, dtype })),
      outputs: model.outputs.map(({ shape, dtype }) => ({ shape, dtype })),
      resultCount: program.resultCount,
      states,
      updates,
    },
    model: encodeModel(model, dialect.header),
    inputs: new Set([...model.inputIndices, ...read]),
    external: model.external,
  };
}
