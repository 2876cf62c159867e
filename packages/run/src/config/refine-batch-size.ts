import type { Mesh } from '@vitvq/engine';
import type { z } from 'zod';

/** What decides how a batch is divided. */
interface BatchOfTraining {
  readonly batchSize: number;
  /** Micro-batches of a step. */
  readonly accumulate?: number | undefined;
}

/** Finds a batch that cannot be divided equally over the devices of a mesh. */
export function refineBatchSize(
  { data }: Mesh,
  { batchSize, accumulate = 1 }: BatchOfTraining,
  path: readonly string[],
  context: z.RefinementCtx,
): void {
  const parts = data * accumulate;
  if (data === 1 || batchSize % parts === 0) return;
  const micro = accumulate === 1 ? '' : ` x ${accumulate} micro-batches`;
  context.addIssue({
    code: 'custom',
    path: [...path, 'batchSize'],
    message: `expected a multiple of ${parts} (${data} devices of mesh.data${micro}), such as ${Math.ceil(batchSize / parts) * parts}`,
  });
}
