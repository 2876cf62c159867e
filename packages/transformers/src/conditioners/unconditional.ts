import { countOf, type ImageOrCodeBatch } from '@vitvq/core';
import type { Conditioner } from './conditioner.js';

/** No condition: one token, the same for every image, from which the first token is predicted. */
export class Unconditional implements Conditioner {
  readonly length = 1;
  readonly vocabSize = 1;
  readonly nullTokens = new Int32Array(1);
  readonly description = { kind: 'unconditional' };
  readonly config = { kind: 'unconditional' } as const;

  ofBatch(batch: ImageOrCodeBatch): Int32Array {
    return new Int32Array(countOf(batch));
  }
}
