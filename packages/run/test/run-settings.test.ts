import { describe, expect, it } from 'vitest';
import { readRunConfig, type ConfigObject } from '../src/index.js';
import { settingsOf, settingsOfStage } from '../src/run-settings.js';
import type { StageName } from '../src/run-context.js';

const partOf = async (stage: StageName, transformer: ConfigObject = {}): Promise<unknown> =>
  settingsOfStage(await settingsOf(await readRunConfig('pipeline-smoke', { changes: { transformer } })), stage);

describe('settingsOfStage', () => {
  it('lets the training of a transformer change while its codes are kept', async () => {
    const training = { duration: { steps: 9 }, learningRate: { peak: 0.5 }, evaluation: { everySteps: 3 } };
    expect(await partOf('codes', { training, model: { depth: 7 } })).toEqual(await partOf('codes'));
    expect(await partOf('transformer', { training })).not.toEqual(await partOf('transformer'));
  });

  it.each<ConfigObject>([
    { codes: { views: 1 } },
    { condition: { kind: 'none' } },
    { training: { evaluation: { images: 3 } } }, // their codes are written too
  ])('makes codes depend on %j', async (transformer) => {
    expect(await partOf('codes', transformer)).not.toEqual(await partOf('codes'));
  });

  it('does not depend on how often a training is saved', async () => {
    expect(await partOf('transformer', { training: { checkpoint: { everySeconds: 5 } } })).toEqual(
      await partOf('transformer'),
    );
  });
});
