import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, foldIn, randomInts, randomKey, randomNormal, type RandomKey } from '@vitvq/core';
import type { AnyConditioner, AutoregressiveModel, Conditions, ImageTokens } from '@vitvq/transformers';
import type { TransformerCheck } from '../export-report.js';
import type { ExportedCondition, ExportedTransformer, OriginalBy } from '../manifest.js';
import type { RuntimeName } from '../runtime-name.js';
import { equalFraction, largestDifference } from './differences.js';
import { original, originalBy } from './originals.js';
import { openSession, type HostValue, type Session } from './runtimes.js';

interface CheckOptions {
  readonly runtimes: readonly RuntimeName[];
  readonly seed: number;
  readonly conditioner: AnyConditioner | undefined;
  readonly tolerance: number;
  readonly equalTokens: number;
}

/** Rows of conditions and tokens, and the model's logits `[B, N, L, V]` of them. */
interface Example {
  readonly conditions: HostValue;
  /** `[B, N, L]`. */
  readonly tokens: HostValue;
  readonly logits: HostValue;
}

/** Checks the files of a transformer on two batches, of one row and of two. */
export async function checkTransformer(
  folder: string,
  exported: ExportedTransformer,
  model: AutoregressiveModel,
  { runtimes, seed, conditioner, tolerance, equalTokens }: CheckOptions,
): Promise<TransformerCheck[]> {
  const firstOriginalBy = originalBy(multiplications(model));
  const examples = await drawExamples(model, exported.condition, conditioner, { seed, firstOriginalBy });
  const largestLogit = examples
    .flatMap(({ logits }) => [...logits.data])
    .reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  const checks: TransformerCheck[] = [];
  for (const runtime of runtimes) {
    const open = (graph: ExportedTransformer['prefill']): Promise<Session> =>
      openSession(runtime, join(folder, graph.file), graph);
    const sessions = {
      prefill: await open(exported.prefill),
      decodeStep: await open(exported.decodeStep),
      predict: exported.predict && (await open(exported.predict)),
    };
    try {
      const pairs: (readonly [HostValue, HostValue])[] = [];
      for (const example of examples) pairs.push([await teacherForced(sessions, exported, example), example.logits]);
      const logits = largestDifference(pairs);
      const equal = equalFraction(pairs.map(([found, expected]) => [mostLikely(found), mostLikely(expected)]));
      const passed = logits <= tolerance * Math.max(1, largestLogit) && equal >= equalTokens;
      const found = { logits, largestLogit, equalTokens: equal };
      checks.push({ part: 'transformer', runtime, images: 3, firstOriginalBy, ...found, passed });
    } finally {
      for (const session of Object.values(sessions)) await session?.release();
    }
  }
  return checks;
}

/** Returns about how many multiplications one image takes: all weights see every position. */
function multiplications(model: AutoregressiveModel): number {
  const { grid, codeDepth, conditionLength } = model;
  const weights = [...model.namedVariables().values()].reduce((sum, { size }) => sum + size, 0);
  return weights * (conditionLength + grid[0] * grid[1] * codeDepth);
}

async function drawExamples(
  model: AutoregressiveModel,
  condition: ExportedCondition,
  conditioner: AnyConditioner | undefined,
  { seed, firstOriginalBy }: { readonly seed: number; readonly firstOriginalBy: OriginalBy },
): Promise<Example[]> {
  const { grid, codeDepth, vocabSize } = model;
  const positions = grid[0] * grid[1];
  const embed = conditioner && 'embed' in conditioner ? conditioner : undefined;
  if (condition.input === 'numbers' && !embed) {
    throw new ConfigError({
      where: 'verifyExport',
      expected: "the transformer's conditioner, which embeds conditions",
      got: 'none',
    });
  }
  const forward = original('full forward pass', (conditions: tf.Tensor, tokens: ImageTokens) =>
    model.logits(embed ? embed.embed(conditions) : (conditions as Conditions), tokens),
  );
  const examples: Example[] = [];
  try {
    for (const [index, batch] of [1, 2].entries()) {
      const key = foldIn(randomKey(seed), index);
      const conditions = drawConditions(foldIn(key, 0), condition, batch);
      const tokens = randomInts(foldIn(key, 1), batch * positions * codeDepth, vocabSize);
      const inputs = [
        tf.tensor(conditions.data, [...conditions.shape], condition.input === 'tokens' ? 'int32' : 'float32'),
        tf.tensor(tokens, codeDepth === 1 ? [batch, positions] : [batch, positions, codeDepth], 'int32'),
      ] as const;
      const by = index === 0 ? firstOriginalBy : 'engine';
      const { data } = await forward.run(by, inputs[0], inputs[1] as ImageTokens);
      examples.push({
        conditions,
        tokens: { shape: [batch, positions, codeDepth], data: tokens },
        logits: { shape: [batch, positions, codeDepth, vocabSize], data },
      });
      tf.dispose([...inputs]);
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
  return { shape, data: randomNormal(key, size) };
}

/**
 * Returns the logits `[B, N, L, V]` of the files, which get the given tokens one position after the
 * other.
 */
async function teacherForced(
  sessions: { readonly prefill: Session; readonly decodeStep: Session; readonly predict: Session | undefined },
  { cache, vocabSize }: ExportedTransformer,
  { conditions, tokens }: Example,
): Promise<HostValue> {
  const [batch, positions, codeDepth] = tokens.shape as [number, number, number];
  const logits = new Float32Array(batch * positions * codeDepth * vocabSize);
  /** Returns the first `count` codes of the tokens of one position. */
  const at = (position: number, count: number): HostValue => ({
    shape: [batch, count],
    data: Int32Array.from({ length: batch * count }, (_, index) => {
      const row = Math.floor(index / count);
      return tokens.data[(row * positions + position) * codeDepth + (index % count)]!;
    }),
  });
  let state = await sessions.prefill.run({ conditions });
  for (let position = 0; position < positions; position++) {
    if (position > 0) {
      const past = Object.fromEntries(cache.map((pair) => [pair.past, state[pair.present]!]));
      const count: HostValue = { shape: [], data: Int32Array.of(position) };
      state = await sessions.decodeStep.run({ ...past, tokens: at(position - 1, codeDepth), count });
    }
    const predicted = sessions.predict
      ? await sessions.predict.run({ hidden: state.hidden!, tokens: at(position, codeDepth - 1) })
      : state;
    const row = codeDepth * vocabSize;
    for (let image = 0; image < batch; image++) {
      logits.set(predicted.logits!.data.subarray(image * row, (image + 1) * row), (image * positions + position) * row);
    }
  }
  return { shape: [batch, positions, codeDepth, vocabSize], data: logits };
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
