import type { Program } from '../backend/backend.js';
import { runPasses } from '../passes/pipeline.js';
import { onnxRuntime } from './dialects/onnx-runtime.js';
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

/**
 * The passes before ONNX Runtime. Bodies of composites are not merged with what surrounds them,
 * since they compute again on purpose to save memory.
 */
export const runtimePasses = passesFor(onnxRuntime, { mergesBodies: false });

/** Makes an ONNX model of a program, and takes out the updates that the worker does in place. */
export function buildProgram(program: Program): OnnxProgram {
  const { graph, updates, states } = extractInPlace(program);
  const frozen = new Set(program.frozen.keys());
  const model = lowerToOnnx(runPasses(graph, runtimePasses), onnxRuntime, { frozen });
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
    model: encodeModel(model, onnxRuntime.header),
    inputs: new Set([...model.inputIndices, ...read]),
    external: model.external,
  };
}
