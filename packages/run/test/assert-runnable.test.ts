import '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { ClassConditioner } from '@vitvq/transformers';
import { assertTransformerFits } from '../src/assert-runnable.js';
import { readRunConfig } from '../src/index.js';

it('takes an annealing of orders for the kinds that learn orders, and for no others', async () => {
  const fit = async (kind: string): Promise<string> => {
    const config = await readRunConfig('pipeline-smoke', {
      set: [
        `transformer.model={ kind: ${kind}, dim: 16, depth: 1, numHeads: 2 }`,
        'transformer.training.orderAnnealing={ start: 0.2, end: 0.4 }',
      ],
    });
    return assertTransformerFits(config, config.transformer!, new ClassConditioner({ classCount: 3 })).then(
      () => 'fits',
      (error: unknown) => (error as Error).message,
    );
  };
  expect(await fit('rar')).toBe('fits');
  expect(await fit('any-order')).toBe('fits');
  expect(await fit('gpt')).toContain('takes no orders; kind rar does, got kind gpt');
  expect(await fit('masked')).toContain('got kind masked');
});
