/**
 * `npm run check-tensorflow`: installs the engine `tensorflow` into an empty cache folder with
 * `vitvq engine install`, runs the tests that need it, and trains both stages on it. The first
 * steps of the quickstart are those of ONNX Runtime.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkEngine } from './internal/check-engine.js';
import { CheckError } from './internal/run.js';

/**
 * Largest relative difference of a loss to the one on ONNX Runtime. Both round in their own order,
 * and each step starts from the weights of the one before.
 */
const tolerance = 1e-4;

/** Returns the losses that the quickstart has written, step by step. */
async function lossesIn(out: string): Promise<number[]> {
  const lines = (await readFile(join(out, 'training', 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return lines
    .map((line) => JSON.parse(line) as { event: string; loss: number })
    .filter(({ event }) => event === 'step')
    .map(({ loss }) => loss);
}

await checkEngine('tensorflow', async (steps) => {
  steps.setVariables({ VITVQ_TEST_ENGINE: 'tensorflow' });
  console.log(await steps.program('packages/cli/src/main.ts', 'engine', 'install', 'tensorflow', '--yes'));
  await steps.tests('packages/engine', 'test/tensorflow.test.ts');
  const expected = await lossesIn(await steps.smoke('quickstart', 'onnx'));
  const got = await lossesIn(await steps.smoke('quickstart'));
  console.log(`losses on onnx: ${expected.join(' ')}\nlosses on tensorflow: ${got.join(' ')}`);
  const differs = expected.some((loss, step) => !(Math.abs(got[step]! - loss) <= tolerance * Math.abs(loss)));
  if (expected.length === 0 || differs) throw new CheckError('the losses differ');
  await steps.tests('examples/quickstart', 'test/quickstart.test.ts', '-t', 'Ctrl-C');
  await steps.tests('examples/pipeline', 'test/pipeline.test.ts', '-t', 'goes on after a kill');
});
