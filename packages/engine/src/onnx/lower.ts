import type { Graph, Operation } from '../ir/graph.js';
import type { PassOptions } from '../passes/pipeline.js';
import type { Dialect } from './dialect.js';
import { ModelWriter, type LoweredModel, type SymbolicBatch } from './model-writer.js';

/** Options of {@link lowerToOnnx}. */
export interface LowerOptions {
  /** Indices of inputs that become initializers, whose values are given beside the model. */
  readonly frozen?: ReadonlySet<number>;
  /** Writes sizes that follow the batch as symbols. @default every size is fixed */
  readonly batch?: SymbolicBatch;
}

/** Translates a graph that has gone through the passes into ONNX, rule by rule. */
export function lowerToOnnx(
  graph: Graph,
  dialect: Dialect,
  { frozen = new Set(), batch }: LowerOptions = {},
): LoweredModel {
  const writer = new ModelWriter(graph, frozen, batch);
  for (const operation of graph.operations) {
    const rule = dialect.operations[operation.kind] as (
      w: ModelWriter,
      o: Operation,
    ) => string | readonly string[] | undefined;
    const names = rule(writer, operation);
    if (names === undefined) continue;
    const list = typeof names === 'string' ? [names] : names;
    operation.results.forEach((result, index) => writer.bind(result, list[index]!));
  }
  return writer.finish();
}

/** Returns the passes that a graph needs before it is written in a dialect. */
export function passesFor(dialect: Dialect, { mergesBodies }: Pick<PassOptions, 'mergesBodies'>): PassOptions {
  return {
    keepsComposite: (name) => Object.hasOwn(dialect.composites, name),
    layout: 'channels_first',
    mergesBodies,
  };
}
