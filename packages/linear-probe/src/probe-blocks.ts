import {
  assertInteger,
  checkOptions,
  ConfigError,
  formatPercent,
  formatShape,
  ShapeError,
  type OptionTable,
} from '@vitvq/core';
import { kindOfBlock, type BlockKind } from './baselines.js';
import { evaluateProbe, type Classification } from './classification.js';
import { blockFeatures, type FeatureSet } from './feature-set.js';
import { classifyByNeighbors, type NeighborsClassification } from './nearest-neighbors.js';
import { assertFeatures, assertTrainable } from './internal/assert-features.js';
import { compileCrossEntropy } from './internal/cross-entropy.js';
import type { SoftmaxProbe } from './softmax-probe.js';
import { runSweep, sweepOptionNames, sweepPlan, type SweepEntry, type SweepOptions } from './sweep-regularization.js';

const where = 'probeBlocks';

const labelsWarning =
  'The tokenizer was trained with a perceptual loss whose network learned from labels: the features may owe part of their ' +
  'accuracy to those labels, and the numbers are not comparable with unsupervised ones (arXiv:2110.04627, section 3.3).';

/** Features of three parts of a data set. */
export interface ProbeSets {
  /** Samples that train the probes. */
  readonly train: FeatureSet;
  /**
   * Samples that choose the penalty of each block, and the best block; see `holdOut` where the data
   * has none.
   */
  readonly validation: FeatureSet;
  /** Samples that measure the chosen probe of each block, and choose nothing. */
  readonly test: FeatureSet;
}

/** Options of {@link probeBlocks}. */
export interface ProbeBlocksOptions extends SweepOptions {
  /**
   * Whether the model's tokenizer was trained with a perceptual loss whose network learned from
   * labels, such as LPIPS on VGG16. Labels may then have reached the features (arXiv:2110.04627,
   * section 3.3), and the result carries a warning.
   */
  readonly tokenizerSawLabels: boolean;
  /**
   * Number of nearest training samples that classify each test sample as well, on every block; 0
   * leaves this out. @default 0
   */
  readonly neighbors?: number;
  /** Called after each block, in order. */
  readonly onBlock?: (block: BlockProbe) => void;
}

const probeSetNames: OptionTable<ProbeSets> = {
  train: 'required',
  validation: 'required',
  test: 'required',
};

const probeBlocksOptionNames: OptionTable<ProbeBlocksOptions> = {
  ...sweepOptionNames,
  tokenizerSawLabels: 'required',
  neighbors: 'optional',
  onBlock: 'optional',
};

/** The result of the probe on one block, as plain data. */
export interface BlockProbe {
  /** Name of the block. */
  readonly block: string;
  readonly kind: BlockKind;
  /** Width of the features, D. */
  readonly dim: number;
  /** Penalty that validation chose. */
  readonly chosen: SweepEntry;
  /** All penalties from the strongest to the weakest that was tried. */
  readonly sweep: readonly SweepEntry[];
  readonly test: Classification;
  /** What nearest neighbours say of the test samples, where that was asked for. */
  readonly nearest: NeighborsClassification | undefined;
}

/** The results of the probes on all blocks. */
export interface LayerSweep {
  /** Number of classes, K. */
  readonly classes: number;
  /** Number of samples of each part. */
  readonly samples: { readonly train: number; readonly validation: number; readonly test: number };
  /** Blocks in the order of the feature function, baselines among them. */
  readonly blocks: readonly BlockProbe[];
  /** Block of the model that validation puts first; undefined where only baselines were probed. */
  readonly best: BlockProbe | undefined;
  /** Baseline on raw pixels, where `pixelFeatures` was collected. */
  readonly pixels: BlockProbe | undefined;
  /**
   * Block of the untrained twin that validation puts first, where `untrainedFeatures` was
   * collected.
   */
  readonly untrained: BlockProbe | undefined;
  /** Warnings that a reader of the numbers must know. */
  readonly warnings: readonly string[];
  /** Probes by block. `JSON.stringify` leaves them out and writes the rest. */
  readonly probes: ReadonlyMap<string, SoftmaxProbe>;
}

/**
 * Probes every block of the sets (arXiv:2110.04627, section 4.2 and the study of blocks in its
 * appendix): sweeps the penalties on the validation samples, then measures the chosen probe on the
 * test samples. The paper does not say how its probe was trained; this one is trained full-batch to
 * convergence, so that the numbers depend on no learning rate.
 * @throws {ConfigError} without blocks, and for options out of range
 * @throws {ShapeError} when the sets have different blocks
 * @throws {DataError} as `fitSoftmaxProbe`, for all sets
 */
export async function probeBlocks(sets: ProbeSets, options: ProbeBlocksOptions): Promise<LayerSweep> {
  checkOptions(sets, probeSetNames, `${where}, sets`);
  const {
    tokenizerSawLabels,
    neighbors = 0,
    onBlock,
    ...sweepOptions
  } = checkOptions(options, probeBlocksOptionNames, where);
  assertInteger(neighbors, 'neighbors', where, 0);
  const plan = sweepPlan(sweepOptions, where);
  // All sets are checked before the first probe is trained: a sweep can take minutes.
  assertSets(sets, plan.classes);
  const { train, validation, test } = sets;
  const program = compileCrossEntropy(train.blocks.size);
  const blocks: BlockProbe[] = [];
  const probes = new Map<string, SoftmaxProbe>();
  const warnings = [...missingClasses(train, validation, test), ...leakage(sets)];
  if (tokenizerSawLabels) warnings.push(labelsWarning);
  try {
    for (const [name, { dim }] of train.blocks) {
      const sweep = await runSweep(program, blockFeatures(train, name), blockFeatures(validation, name), plan);
      const tested = blockFeatures(test, name);
      const vote = { classes: plan.classes, neighbors };
      const block: BlockProbe = {
        block: name,
        kind: kindOfBlock(name),
        dim,
        chosen: sweep.best,
        sweep: sweep.entries,
        test: evaluateProbe(sweep.probe, tested),
        nearest: neighbors > 0 ? await classifyByNeighbors(blockFeatures(train, name), tested, vote) : undefined,
      };
      blocks.push(block);
      probes.set(name, sweep.probe);
      warnings.push(...sweep.warnings);
      onBlock?.(block);
    }
  } finally {
    program.dispose();
  }
  const [best, pixels, untrained] = [bestOf(blocks, 'model'), bestOf(blocks, 'pixels'), bestOf(blocks, 'untrained')];
  for (const baseline of [pixels, untrained]) {
    if (best && baseline && best.test.interval.low <= baseline.test.top1) warnings.push(notAbove(best, baseline));
  }
  const samples = { train: train.count, validation: validation.count, test: test.count };
  return { classes: plan.classes, samples, blocks, best, pixels, untrained, warnings, probes };
}

/** Throws unless the sets have the same blocks and a probe can learn from each. */
function assertSets({ train, validation, test }: ProbeSets, classes: number): void {
  if (train.blocks.size === 0) {
    throw new ConfigError({ where, expected: 'sets with at least one block', got: 'none' });
  }
  assertSameBlocks(train, validation, 'validation');
  assertSameBlocks(train, test, 'test');
  for (const name of train.blocks.keys()) {
    assertTrainable(blockFeatures(train, name), classes, `${where}, train`);
    assertFeatures(blockFeatures(validation, name), classes, `${where}, validation`);
    assertFeatures(blockFeatures(test, name), classes, `${where}, test`);
  }
}

/** Returns the block of a kind that validation puts first. */
function bestOf(blocks: readonly BlockProbe[], kind: BlockKind): BlockProbe | undefined {
  return blocks
    .filter((block) => block.kind === kind)
    .reduce<BlockProbe | undefined>(
      (best, block) => (best && best.chosen.validationTop1 >= block.chosen.validationTop1 ? best : block),
      undefined,
    );
}

function notAbove(best: BlockProbe, baseline: BlockProbe): string {
  const { low, high } = best.test.interval;
  return (
    `The best block, ${best.block}, is not clearly above the baseline ${baseline.block}: ${formatPercent(best.test.top1)} ` +
    `(${formatPercent(low)} to ${formatPercent(high)}) against ${formatPercent(baseline.test.top1)}.`
  );
}

/** Warns of classes that have samples in other parts only. */
function missingClasses(train: FeatureSet, ...others: readonly FeatureSet[]): string[] {
  const known = new Set(train.labels);
  const missing = new Set(others.flatMap(({ labels }) => [...labels].filter((label) => !known.has(label))));
  return missing.size
    ? [`No training sample is of class ${[...missing].sort((a, b) => a - b).join(', ')}: no probe can recognise it.`]
    : [];
}

/** Warns of inputs that are in two parts of the data. */
function leakage({ train, validation, test }: ProbeSets): string[] {
  const [inTrain, inValidation] = [train, validation].map(({ hashes }) => new Set(hashes));
  const shared = (known: ReadonlySet<string>, { hashes = [] }: FeatureSet): number =>
    hashes.filter((hash) => known.has(hash)).length;
  const counts = [
    ['test', 'training', shared(inTrain!, test)],
    ['test', 'validation', shared(inValidation!, test)],
    ['validation', 'training', shared(inTrain!, validation)],
  ] as const;
  return counts.flatMap(([part, other, count]) =>
    count > 0
      ? [`${count} ${part} samples are ${other} samples as well, by their content: the accuracy is too high.`]
      : [],
  );
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
