import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, foldIn, randomInts, randomKey, randomNormal, type RandomKey } from '@vitvq/core';
import { isAnyOrder, isMasked, type AnyConditioner, type AnyTokenModel } from '@vitvq/transformers';
import type { TransformerCheck } from '../export-report.js';
import type { ExportedCondition, ExportedTransformer, OriginalBy } from '../manifest.js';
import type { RuntimeName } from '../runtime-name.js';
import { anyOrderCase } from './checks/any-order-case.js';
import { maskedCase } from './checks/masked-case.js';
import { rasterCase } from './checks/raster-case.js';
import type { NamedValues, TransformerCase } from './checks/transformer-case.js';
import { equalFraction, largestDifference } from './differences.js';
import { embeddedConditions } from './embedded-conditions.js';
import { original, originalBy } from './originals.js';
import { openSession, type HostValue, type Session } from './runtimes.js';
import { transformerKind } from './transformer-kind.js';

interface CheckOptions {
  readonly runtimes: readonly RuntimeName[];
  readonly seed: number;
  readonly conditioner: AnyConditioner | undefined;
  readonly tolerance: number;
  readonly equalTokens: number;
}

/** Rows of conditions and what was drawn for them, and the model's logits. */
interface Example {
  readonly conditions: HostValue;
  readonly drawn: NamedValues;
  readonly logits: HostValue;
}

/**
 * Checks the files of a transformer on two batches, of one row and of two.
 * @throws {ConfigError} when the files are of another kind of model
 */
export async function checkTransformer(
  folder: string,
  exported: ExportedTransformer,
  model: AnyTokenModel,
  { runtimes, seed, conditioner, tolerance, equalTokens }: CheckOptions,
): Promise<TransformerCheck[]> {
  const ofKind = caseOf(exported, model);
  const firstOriginalBy = originalBy(multiplications(model, ofKind));
  const examples = await drawExamples(ofKind, exported.condition, conditioner, { seed, firstOriginalBy });
  const largestLogit = examples
    .flatMap(({ logits }) => [...logits.data])
    .reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  const checks: TransformerCheck[] = [];
  for (const runtime of runtimes) {
    const sessions: Record<string, Session> = {};
    try {
      for (const [name, graph] of Object.entries(ofKind.graphs)) {
        sessions[name] = await openSession(runtime, join(folder, graph.file), graph);
      }
      const pairs: (readonly [HostValue, HostValue])[] = [];
      for (const { conditions, drawn, logits } of examples) {
        pairs.push([await ofKind.run(sessions, conditions, drawn), logits]);
      }
      const logits = largestDifference(pairs);
      const equal = equalFraction(pairs.map(([found, expected]) => [mostLikely(found), mostLikely(expected)]));
      const passed = logits <= tolerance * Math.max(1, largestLogit) && equal >= equalTokens;
      const found = { logits, largestLogit, equalTokens: equal };
      checks.push({ part: 'transformer', runtime, images: 3, firstOriginalBy, ...found, passed });
    } finally {
      for (const session of Object.values(sessions)) await session.release();
    }
  }
  return checks;
}

/** @throws {ConfigError} when the files are of another kind of model */
function caseOf(exported: ExportedTransformer, model: AnyTokenModel): TransformerCase {
  if (isMasked(model)) {
    if (exported.kind === 'masked') return maskedCase(exported, model);
  } else if (isAnyOrder(model)) {
    if (exported.kind === 'any-order') return anyOrderCase(exported, model);
  } else if (exported.kind === 'raster') {
    return rasterCase(exported, model);
  }
  throw new ConfigError({
    where: 'verifyExport',
    expected: `files of the given transformer, of kind "${transformerKind(model)}"`,
    got: `files of one of kind "${exported.kind}"`,
  });
}

/** Returns about how many multiplications one image takes: all weights see every vector. */
function multiplications(model: AnyTokenModel, { sequenceLength }: TransformerCase): number {
  const weights = [...model.namedVariables().values()].reduce((sum, { size }) => sum + size, 0);
  return weights * sequenceLength;
}

async function drawExamples(
  ofKind: TransformerCase,
  condition: ExportedCondition,
  conditioner: AnyConditioner | undefined,
  { seed, firstOriginalBy }: { readonly seed: number; readonly firstOriginalBy: OriginalBy },
): Promise<Example[]> {
  if (condition.input === 'numbers' && !(conditioner && 'embed' in conditioner)) {
    throw new ConfigError({
      where: 'verifyExport',
      expected: "the transformer's conditioner, which embeds conditions",
      got: 'none',
    });
  }
  const inputs = [1, 2].map((batch, index) => {
    const key = foldIn(randomKey(seed), index);
    return {
      conditions: drawConditions(foldIn(key, 0), condition, batch),
      drawn: ofKind.draw(foldIn(key, 1), batch),
    };
  });
  const names = Object.keys(inputs[0]!.drawn);
  const forward = original('full forward pass', (conditions: tf.Tensor, ...drawn: tf.Tensor[]) =>
    ofKind.logits(
      embeddedConditions(conditioner, conditions),
      Object.fromEntries(names.map((name, index) => [name, drawn[index]!])),
    ),
  );
  const examples: Example[] = [];
  try {
    for (const [index, { conditions, drawn }] of inputs.entries()) {
      const dtype = condition.input === 'tokens' ? 'int32' : 'float32';
      const tensors: [tf.Tensor, ...tf.Tensor[]] = [
        tf.tensor(conditions.data, [...conditions.shape], dtype),
        ...names.map((name) => tf.tensor(drawn[name]!.data, [...drawn[name]!.shape], 'int32')),
      ];
      const logits = await forward.run(index === 0 ? firstOriginalBy : 'engine', ...tensors);
      tf.dispose(tensors);
      examples.push({ conditions, drawn, logits });
    }
  } finally {
    forward.dispose();
  }
  return examples;
}

function drawConditions(key: RandomKey, condition: ExportedCondition, batch: number): HostValue {
  if (condition.input === 'tokens') {
    const { length, vocabSize } = condition;
    return { shape: [batch, length], data: randomInts(key, batch * length, vocabSize) };
  }
  const shape = [batch, ...condition.shape];
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  const data = randomNormal(key, size);
  if (condition.nullKeepsPadding) {
    const width = condition.shape.at(-1)!;
    const vectors = size / batch / width;
    const paddings = randomInts(foldIn(key, 0), batch, vectors);
    paddings.forEach((count, image) => data.fill(0, image * vectors * width, (image * vectors + count) * width));
  }
  return { shape, data };
}

/** Returns the index of the largest logit along the last axis. */
function mostLikely({ shape, data }: HostValue): HostValue {
  const width = shape.at(-1)!;
  const rows = data.length / width;
  const indices = Int32Array.from({ length: rows }, (_, row) => {
    let best = 0;
    for (let index = 1; index < width; index++) {
      if (data[row * width + index]! > data[row * width + best]!) best = index;
    }
    return best;
  });
  return { shape: shape.slice(0, -1), data: indices };
}
