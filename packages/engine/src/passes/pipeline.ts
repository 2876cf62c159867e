import type { ConvolutionLayout, Graph } from '../ir/graph.js';
import { channelsFirst } from './channels-first.js';
import { inlineComposites } from './inline-composites.js';
import { simplify } from './simplify.js';

/** Properties of a lowering that decide which passes a graph goes through. */
export interface PassOptions {
  /** Whether the lowering translates a composite of this name itself; the others are inlined. */
  readonly keepsComposite: (name: string) => boolean;
  /** Order of axes in which the lowering takes convolutions. */
  readonly layout: ConvolutionLayout;
  /**
   * Whether inlined bodies are simplified together with the operations around them. That makes the
   * graph smaller, but merges what a composite computes again on purpose to save memory.
   */
  readonly mergesBodies: boolean;
}

/** Runs all passes over a traced graph; the one pipeline between tracing and every lowering. */
export function runPasses(graph: Graph, { keepsComposite, layout, mergesBodies }: PassOptions): Graph {
  const arranged = layout === 'channels_first' ? channelsFirst(graph) : graph;
  const inlined = inlineComposites(simplify(arranged), keepsComposite);
  return mergesBodies ? simplify(inlined) : inlined;
}
