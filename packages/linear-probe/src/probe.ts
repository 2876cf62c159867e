import type * as tf from '@tensorflow/tfjs-core';
import { checkOptions, randomKey, type OptionTable } from '@vitvq/core';
import { compile } from '@vitvq/engine';
import { collectFeatures, type LabelledBatch } from './collect-features.js';
import { collectTokens, type TokenSet } from './collect-tokens.js';
import { compileFeatures, type NamedFeatures } from './feature-function.js';
import { blockFeatures } from './feature-set.js';
import { holdOut } from './hold-out.js';
import { probeBlocks, type LayerSweep, type ProbeBlocksOptions } from './probe-blocks.js';
import { probeByAttention, type AttentionProbeResult } from './probe-by-attention.js';

/** Opens labelled inputs from their beginning, in batches. */
export type OpenLabelledBatches = () => Iterable<LabelledBatch> | AsyncIterable<LabelledBatch>;

/** How far a probe is. */
export interface ProbeProgress {
  readonly part: 'train' | 'validation' | 'test' | 'tokens' | 'block';
  /** Samples whose features are there, or blocks that are probed. */
  readonly done: number;
}

/** Options of {@link probe}. */
export interface ProbeOptions extends Omit<ProbeBlocksOptions, 'onBlock'> {
  /** Opens the samples that train the probes. */
  readonly train: OpenLabelledBatches;
  /** Opens the samples that measure them. */
  readonly test: OpenLabelledBatches;
  /**
   * Opens the samples that choose penalties and the best block. @default a fifth of the training
   * samples
   */
  readonly validation?: OpenLabelledBatches;
  /** Decides which training samples validate, where none are given. @default 0 */
  readonly seed?: number;
  /** Whether the best block is probed with attentive pooling as well. @default false */
  readonly attention?: boolean;
  /** Called after each batch and each block. */
  readonly onProgress?: (progress: ProbeProgress) => void;
  /** Ends the probe with the signal's reason. */
  readonly signal?: AbortSignal;
}

const optionNames: OptionTable<ProbeOptions> = {
  train: 'required',
  test: 'required',
  validation: 'optional',
  classes: 'required',
  tokenizerSawLabels: 'required',
  seed: 'optional',
  attention: 'optional',
  neighbors: 'optional',
  l2: 'optional',
  gradientTolerance: 'optional',
  maximumIterations: 'optional',
  onProgress: 'optional',
  signal: 'optional',
};

/** The results of a whole probe. */
export interface ProbeResult extends LayerSweep {
  /** The best block with attentive pooling, where that was asked for and the block has tokens. */
  readonly attention: (Omit<AttentionProbeResult, 'probe'> & { readonly block: string }) | undefined;
}

const where = 'probe';

/** Fraction of the training samples that validate where none are given. */
const heldOutFraction = 0.2;

/**
 * Measures what the features of a frozen model know of classes, from images to results: collects
 * features, sweeps penalties and blocks as `probeBlocks`, and classifies by nearest neighbours (20
 * of them by default). With `attention`, the block that validation puts first is run again for its
 * tokens, which are pooled by attention.
 * @param features  plain tensor code, which compiles, as `compileFeatures` takes it
 * @throws what `collectFeatures`, `holdOut`, `probeBlocks` and `probeByAttention` throw
 */
export async function probe<I extends tf.Tensor>(
  features: (inputs: I) => NamedFeatures,
  options: ProbeOptions,
): Promise<ProbeResult> {
  const {
    train,
    test,
    validation,
    seed = 0,
    attention = false,
    onProgress,
    signal,
    neighbors = 20,
    ...rest
  } = checkOptions(options, optionNames, where);
  const read = (part: ProbeProgress['part'], open: OpenLabelledBatches): AsyncGenerator<LabelledBatch> =>
    watched(open(), (done) => onProgress?.({ part, done }), signal);
  const split = { fraction: heldOutFraction, key: randomKey(seed) };
  const compiled = compileFeatures(features, { variables: 'frozen' });
  let sweep: LayerSweep;
  try {
    const collected = await collectFeatures(compiled, read('train', train));
    const heldOut = validation && (await collectFeatures(compiled, read('validation', validation)));
    const parts = heldOut ? { train: collected, heldOut } : holdOut(collected, split);
    const sets = {
      train: parts.train,
      validation: parts.heldOut,
      test: await collectFeatures(compiled, read('test', test)),
    };
    let blocks = 0;
    sweep = await probeBlocks(sets, {
      ...rest,
      neighbors,
      onBlock: () => {
        onProgress?.({ part: 'block', done: ++blocks });
        signal?.throwIfAborted();
      },
    });
  } finally {
    compiled.dispose();
  }
  if (!attention || !sweep.best) return { ...sweep, attention: undefined };
  const { block } = sweep.best;
  const ofBlock = compile((inputs: I): NamedFeatures => ({ [block]: features(inputs)[block]! }), {
    name: `tokens of ${block}`,
    variables: 'frozen',
  });
  try {
    const collect = (open: OpenLabelledBatches): Promise<TokenSet> =>
      collectTokens(ofBlock, read('tokens', open), block);
    const { tokens, set } = await collect(train);
    if (tokens === 1) {
      const warning = `${block} has one vector a sample: there is nothing to attend to.`;
      return { ...sweep, warnings: [...sweep.warnings, warning], attention: undefined };
    }
    const parts = validation ? { train: set, heldOut: (await collect(validation)).set } : holdOut(set, split);
    const sets = {
      train: blockFeatures(parts.train, block),
      validation: blockFeatures(parts.heldOut, block),
      test: blockFeatures((await collect(test)).set, block),
    };
    const { tokenizerSawLabels: _, ...limits } = rest;
    const { probe: _probe, ...result } = await probeByAttention(sets, { ...limits, tokens });
    return { ...sweep, warnings: [...sweep.warnings, ...result.warnings], attention: { block, ...result } };
  } finally {
    ofBlock.dispose();
  }
}

/** Passes batches on, with the number of samples so far. */
async function* watched(
  batches: Iterable<LabelledBatch> | AsyncIterable<LabelledBatch>,
  onSamples: (count: number) => void,
  signal: AbortSignal | undefined,
): AsyncGenerator<LabelledBatch> {
  let done = 0;
  for await (const batch of batches) {
    signal?.throwIfAborted();
    yield batch;
    done += batch.count ?? batch.inputs.shape[0]!;
    onSamples(done);
  }
}
