import { randomInts } from '@vitvq/core';
import type { AutoregressiveModel, ImageTokens } from '@vitvq/transformers';
import type { ExportedRasterTransformer } from '../../manifest.js';
import type { HostValue } from '../runtimes.js';
import type { NamedValues, Sessions, TransformerCase } from './transformer-case.js';

/** Returns how a model of raster order is compared with its files: token by token. */
export function rasterCase(exported: ExportedRasterTransformer, model: AutoregressiveModel): TransformerCase {
  const { prefill, decodeStep, predict } = exported;
  const { grid, codeDepth, vocabSize, conditionLength } = model;
  const positions = grid[0] * grid[1];
  return {
    graphs: { prefill, decodeStep, ...(predict && { predict }) },
    sequenceLength: conditionLength + positions * codeDepth,
    draw: (key, batch) => {
      const shape = codeDepth === 1 ? [batch, positions] : [batch, positions, codeDepth];
      return { tokens: { shape, data: randomInts(key, batch * positions * codeDepth, vocabSize) } };
    },
    logits: (conditions, { tokens }) => model.logits(conditions, tokens as ImageTokens),
    run: (sessions, conditions, drawn) => teacherForced(sessions, exported, conditions, drawn),
  };
}

/**
 * Returns the logits `[B, N, V]` (`[B, N, L, V]`) of the files, which get the given tokens one
 * position after the other.
 */
async function teacherForced(
  sessions: Sessions,
  { cache, vocabSize, codeDepth }: ExportedRasterTransformer,
  conditions: HostValue,
  { tokens }: NamedValues,
): Promise<HostValue> {
  const { shape, data } = tokens!;
  const [batch, positions] = shape as [number, number];
  const logits = new Float32Array(data.length * vocabSize);
  /** Returns the first `count` codes of the tokens of one position. */
  const at = (position: number, count: number): HostValue => ({
    shape: [batch, count],
    data: Int32Array.from({ length: batch * count }, (_, index) => {
      const row = Math.floor(index / count);
      return data[(row * positions + position) * codeDepth + (index % count)]!;
    }),
  });
  let state = await sessions.prefill!.run({ conditions });
  for (let position = 0; position < positions; position++) {
    if (position > 0) {
      const past = Object.fromEntries(cache.map((pair) => [pair.past, state[pair.present]!]));
      const count: HostValue = { shape: [], data: Int32Array.of(position) };
      state = await sessions.decodeStep!.run({ ...past, tokens: at(position - 1, codeDepth), count });
    }
    const predicted = sessions.predict
      ? await sessions.predict.run({ hidden: state.hidden!, tokens: at(position, codeDepth - 1) })
      : state;
    const row = codeDepth * vocabSize;
    for (let image = 0; image < batch; image++) {
      logits.set(predicted.logits!.data.subarray(image * row, (image + 1) * row), (image * positions + position) * row);
    }
  }
  return { shape: [...shape, vocabSize], data: logits };
}
