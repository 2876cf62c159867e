import type * as tf from '@tensorflow/tfjs-core';
import { compile } from '@vitvq/engine';
import type { LabelledBatch } from './collect-features.js';
import { collectTokens, type TokenSet } from './collect-tokens.js';
import type { NamedFeatures } from './feature-function.js';
import { blockFeatures } from './feature-set.js';
import { holdOut, type HoldOutOptions } from './hold-out.js';
import { probeByAttention, type AttentionOptions, type AttentionProbeResult } from './probe-by-attention.js';

/** Opens labelled inputs from their beginning, in batches. */
export type OpenLabelledBatches = () => Iterable<LabelledBatch> | AsyncIterable<LabelledBatch>;

/** Options of {@link probeTokens}. */
export interface ProbeTokensOptions extends Omit<AttentionOptions, 'tokens'> {
  /** Opens the samples that train the probe. */
  readonly train: OpenLabelledBatches;
  /** Opens the samples that measure it. */
  readonly test: OpenLabelledBatches;
  /**
   * Opens the samples that choose the penalty. @default some of the training samples, by `split`
   */
  readonly validation?: OpenLabelledBatches;
  /** Which training samples validate, where none are given. */
  readonly split: HoldOutOptions;
}

/**
 * Runs one block again for its tokens and probes them with attentive pooling, as `probeByAttention`
 * does.
 * @param features  plain tensor code, which compiles, as `compileFeatures` takes it
 * @returns undefined for a block with one vector a sample, where there is nothing to attend to
 */
export async function probeTokens<I extends tf.Tensor>(
  features: (inputs: I) => NamedFeatures,
  block: string,
  { train, test, validation, split, ...limits }: ProbeTokensOptions,
): Promise<Omit<AttentionProbeResult, 'probe'> | undefined> {
  const ofBlock = compile((inputs: I): NamedFeatures => ({ [block]: features(inputs)[block]! }), {
    name: `tokens of ${block}`,
    variables: 'frozen',
  });
  try {
    const collect = (open: OpenLabelledBatches): Promise<TokenSet> => collectTokens(ofBlock, open(), block);
    const { tokens, set } = await collect(train);
    if (tokens === 1) return undefined;
    const parts = validation ? { train: set, heldOut: (await collect(validation)).set } : holdOut(set, split);
    const sets = {
      train: blockFeatures(parts.train, block),
      validation: blockFeatures(parts.heldOut, block),
      test: blockFeatures((await collect(test)).set, block),
    };
    const { probe: _probe, ...result } = await probeByAttention(sets, { ...limits, tokens });
    return result;
  } finally {
    ofBlock.dispose();
  }
}
