import { ConfigError, formatShape, ShapeError } from '@vitvq/core';
import { kindOfBlock, type BlockKind } from './baselines.js';
import { evaluateProbe, type Classification } from './classification.js';
import { blockFeatures, type FeatureSet } from './feature-set.js';
import { assertFeatures, assertTrainable } from './internal/assert-features.js';
import { compileCrossEntropy } from './internal/cross-entropy.js';
import type { SoftmaxProbe } from './softmax-probe.js';
import { runSweep, sweepPlan, type SweepEntry, type SweepOptions } from './sweep-regularization.js';

export interface ProbeSets {
  /** Trains the probes. */
  readonly train: FeatureSet;
  /** Chooses the penalty of each block, and the best block; see `holdOut` where the data has none. */
  readonly validation: FeatureSet;
  /** Looked at once a block, after every choice. */
  readonly test: FeatureSet;
}

export interface ProbeBlocksOptions extends SweepOptions {
  /**
   * Whether the model's tokenizer was trained with a perceptual loss whose network learned from labels, as LPIPS on VGG16 did:
   * labels may then have reached the features (arXiv:2110.04627, section 3.3). Puts a warning into the result.
   */
  readonly tokenizerSawLabels: boolean;
  /** Called after each block, in order. */
  readonly onBlock?: (block: BlockProbe) => void;
}

/** What a probe makes of one block. Plain data. */
export interface BlockProbe {
  readonly block: string;
  readonly kind: BlockKind;
  /** D. */
  readonly dim: number;
  /** The penalty that validation chose. */
  readonly chosen: SweepEntry;
  /** From the strongest penalty to the weakest that was tried. */
  readonly sweep: readonly SweepEntry[];
  readonly test: Classification;
}

export interface LayerSweep {
  readonly classes: number;
  readonly samples: { readonly train: number; readonly validation: number; readonly test: number };
  /** In the order of the feature function: names, top-1 and intervals for a plot, baselines among them. */
  readonly blocks: readonly BlockProbe[];
  /** The model's block that validation puts first; undefined where only baselines were probed. */
  readonly best: BlockProbe | undefined;
  /** The baseline on raw pixels, where `pixelFeatures` was collected. */
  readonly pixels: BlockProbe | undefined;
  /** The block of the untrained twin that validation puts first, where `untrainedFeatures` was collected. */
  readonly untrained: BlockProbe | undefined;
  /** What a reader of the numbers must know. */
  readonly warnings: readonly string[];
  /** By block. Left out by `JSON.stringify`, which writes the rest. */
  readonly probes: ReadonlyMap<string, SoftmaxProbe>;
}

/**
 * Probes every block of the sets (arXiv:2110.04627, section 4.2 and the study of blocks in its appendix): a sweep of penalties on
 * the validation samples, then one look at the test samples. The paper does not say how its probe was trained; here it is full-batch
 * to convergence, so that the numbers depend on no learning rate.
 * @throws {ConfigError}
 * @throws {ShapeError} when the sets have different blocks
 * @throws {DataError} as `fitSoftmaxProbe`, for all sets
 */
export async function probeBlocks(
  { train, validation, test }: ProbeSets,
  { tokenizerSawLabels, onBlock, ...options }: ProbeBlocksOptions,
): Promise<LayerSweep> {
  const where = 'probeBlocks';
  const names = [...train.blocks.keys()];
  if (names.length === 0) throw new ConfigError({ where, expected: 'sets with one or more blocks', got: 'none' });
  assertSameBlocks(train, validation, 'validation');
  assertSameBlocks(train, test, 'test');
  const plan = sweepPlan(options, where);
  // All of them before the first is trained: a sweep can take minutes.
  for (const name of names) {
    assertTrainable(blockFeatures(train, name), plan.classes, `${where}, train`);
    assertFeatures(blockFeatures(validation, name), plan.classes, `${where}, validation`);
    assertFeatures(blockFeatures(test, name), plan.classes, `${where}, test`);
  }

  const program = compileCrossEntropy(names.length);
  const blocks: BlockProbe[] = [];
  const probes = new Map<string, SoftmaxProbe>();
  const warnings = missingClasses(train, validation, test);
  if (tokenizerSawLabels) {
    warnings.push(
      'The tokenizer was trained with a perceptual loss whose network learned from labels: the features may owe part of their ' +
        'accuracy to those labels, and the numbers are not comparable with unsupervised ones (arXiv:2110.04627, section 3.3).',
    );
  }
  try {
    for (const name of names) {
      const sweep = await runSweep(program, blockFeatures(train, name), blockFeatures(validation, name), plan);
      const block: BlockProbe = {
        block: name,
        kind: kindOfBlock(name),
        dim: train.blocks.get(name)!.dim,
        chosen: sweep.best,
        sweep: sweep.entries,
        test: evaluateProbe(sweep.probe, blockFeatures(test, name)),
      };
      blocks.push(block);
      probes.set(name, sweep.probe);
      warnings.push(...sweep.warnings);
      onBlock?.(block);
    }
  } finally {
    program.dispose();
  }
  const best = bestOf(blocks, 'model');
  const pixels = bestOf(blocks, 'pixels');
  const untrained = bestOf(blocks, 'untrained');
  for (const baseline of [pixels, untrained]) {
    if (best && baseline && best.test.interval.low <= baseline.test.top1) warnings.push(notAbove(best, baseline));
  }
  const samples = { train: train.count, validation: validation.count, test: test.count };
  return { classes: plan.classes, samples, blocks, best, pixels, untrained, warnings, probes };
}

function bestOf(blocks: readonly BlockProbe[], kind: BlockKind): BlockProbe | undefined {
  return blocks
    .filter((block) => block.kind === kind)
    .reduce<BlockProbe | undefined>(
      (best, block) => (best && best.chosen.validationTop1 >= block.chosen.validationTop1 ? best : block),
      undefined,
    );
}

function notAbove(best: BlockProbe, baseline: BlockProbe): string {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const { low, high } = best.test.interval;
  return (
    `The best block, ${best.block}, is not clearly above the baseline ${baseline.block}: ${percent(best.test.top1)} ` +
    `(${percent(low)} to ${percent(high)}) against ${percent(baseline.test.top1)}.`
  );
}

function missingClasses(train: FeatureSet, ...others: readonly FeatureSet[]): string[] {
  const known = new Set(train.labels);
  const missing = new Set(others.flatMap(({ labels }) => [...labels].filter((label) => !known.has(label))));
  return missing.size
    ? [`No training sample is of class ${[...missing].sort((a, b) => a - b).join(', ')}: no probe can find it.`]
    : [];
}

function assertSameBlocks(train: FeatureSet, other: FeatureSet, name: string): void {
  const list = ({ blocks }: FeatureSet): string =>
    [...blocks]
      .map(([block, { dim }]) => `${block} ${formatShape(['count', dim])}`)
      .sort()
      .join(', ');
  if (list(train) !== list(other)) {
    throw new ShapeError({
      where: `probeBlocks, ${name}`,
      expected: `the blocks of the training set, ${list(train)}`,
      got: list(other),
    });
  }
}
