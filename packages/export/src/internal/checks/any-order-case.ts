import type { Tensor2D } from '@tensorflow/tfjs-core';
import { foldIn, randomInts } from '@vitvq/core';
import { randomOrder, rankOf, type AnyOrderModel } from '@vitvq/transformers';
import type { ExportedAnyOrderTransformer } from '../../manifest.js';
import type { HostValue } from '../runtimes.js';
import type { NamedValues, Sessions, TransformerCase } from './transformer-case.js';

/** Returns how an any-order model is compared with its files: each image in an order of its own. */
export function anyOrderCase(exported: ExportedAnyOrderTransformer, model: AnyOrderModel): TransformerCase {
  const { prefill, decodeStep, tokensPerStep } = exported;
  const { grid, vocabSize, conditionLength } = model;
  const positions = grid[0] * grid[1];
  return {
    graphs: { prefill, decodeStep },
    // A query for each token.
    sequenceLength: conditionLength + 2 * positions,
    draw: (key, batch) => {
      const shape = [batch, positions];
      const rank = new Int32Array(batch * positions);
      for (let image = 0; image < batch; image++) {
        rank.set(rankOf(randomOrder(foldIn(foldIn(key, 1), image), positions)), image * positions);
      }
      const known = rank.map((place) => place - (place % tokensPerStep));
      const tokens = randomInts(foldIn(key, 0), batch * positions, vocabSize);
      return { tokens: { shape, data: tokens }, rank: { shape, data: rank }, known: { shape, data: known } };
    },
    logits: (conditions, drawn) => {
      const { tokens, rank, known } = drawn as Readonly<Record<'tokens' | 'rank' | 'known', Tensor2D>>;
      return model.orderedLogits(conditions, tokens, { rank, known });
    },
    run: (sessions, conditions, drawn) => teacherForced(sessions, exported, conditions, drawn),
  };
}

/** Returns the logits `[B, N, V]` of the files, which get the given tokens in the given order. */
async function teacherForced(
  sessions: Sessions,
  { cache, vocabSize, tokensPerStep }: ExportedAnyOrderTransformer,
  conditions: HostValue,
  { tokens, rank }: NamedValues,
): Promise<HostValue> {
  const [batch, positions] = tokens!.shape as [number, number];
  const logits = new Float32Array(batch * positions * vocabSize);
  const orders = Array.from({ length: batch }, (_, image) =>
    rankOf(Int32Array.from(rank!.data.subarray(image * positions, (image + 1) * positions))),
  );
  const shape = [batch, tokensPerStep];
  /** Returns a value for each position of a step; position 0 fills up the last one. */
  const at = (start: number, valueOf: (image: number, position: number) => number): HostValue => ({
    shape,
    data: Int32Array.from({ length: batch * tokensPerStep }, (_, index) => {
      const image = Math.floor(index / tokensPerStep);
      return valueOf(image, orders[image]![start + (index % tokensPerStep)] ?? 0);
    }),
  });
  const positionsAt = (start: number): HostValue => at(start, (_, position) => position);
  let state = await sessions.prefill!.run({ conditions, next: positionsAt(0) });
  for (let start = 0; start < positions; start += tokensPerStep) {
    if (start > 0) {
      const past = Object.fromEntries(cache.map((pair) => [pair.past, state[pair.present]!]));
      const before = start - tokensPerStep;
      state = await sessions.decodeStep!.run({
        ...past,
        tokens: at(before, (image, position) => tokens!.data[image * positions + position]!),
        positions: positionsAt(before),
        count: { shape: [], data: Int32Array.of(start) },
        next: positionsAt(start),
      });
    }
    for (const [image, order] of orders.entries()) {
      for (const [index, position] of order.subarray(start, start + tokensPerStep).entries()) {
        const row = (image * tokensPerStep + index) * vocabSize;
        const values = state.logits!.data.subarray(row, row + vocabSize);
        logits.set(values, (image * positions + position) * vocabSize);
      }
    }
  }
  return { shape: [batch, positions, vocabSize], data: logits };
}
