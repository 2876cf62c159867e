import { engineChanges, terminalView, type EngineChoice } from '@vitvq/example-shared';
import { readRunConfig, trainRun } from '@vitvq/run';

/** Makes a run of the pipeline with tiny models, on made-up images, in seconds. */
export async function makeSmokeModels(out: string, seed: number, engine: EngineChoice): Promise<void> {
  const changes = { seed, ...engineChanges(engine), samples: { perClass: 1 }, probe: null, evaluation: null };
  await trainRun(await readRunConfig('pipeline-smoke', { changes }), { out, fresh: true, view: terminalView });
}
