import type { Tensor2D } from '@tensorflow/tfjs-core';
import { foldIn, randomInts } from '@vitvq/core';
import type { MaskedModel } from '@vitvq/transformers';
import type { ExportedMaskedTransformer } from '../../manifest.js';
import type { TransformerCase } from './transformer-case.js';

/** Returns how a masked model is compared with its file: with half of the tokens known. */
export function maskedCase({ maskedLogits }: ExportedMaskedTransformer, model: MaskedModel): TransformerCase {
  const { grid, vocabSize, conditionLength } = model;
  const positions = grid[0] * grid[1];
  return {
    graphs: { maskedLogits },
    sequenceLength: conditionLength + positions,
    draw: (key, batch) => {
      const shape = [batch, positions];
      const drawn = (stream: number, size: number): Int32Array =>
        randomInts(foldIn(key, stream), batch * positions, size);
      return { tokens: { shape, data: drawn(0, vocabSize) }, known: { shape, data: drawn(1, 2) } };
    },
    logits: (conditions, { tokens, known }) => model.maskedLogits(conditions, tokens as Tensor2D, known as Tensor2D),
    run: async (sessions, conditions, drawn) => {
      const { logits } = await sessions.maskedLogits!.run({ conditions, ...drawn });
      return logits!;
    },
  };
}
