/**
 * `npm run check-tensorflow`: installs the engine `tensorflow` into an empty cache folder with
 * `vitvq engine install`, runs the tests that need it, trains both stages on it, and compares ten
 * steps with those on ONNX Runtime.
 */
import { checkEngine } from './internal/check-engine.js';

await checkEngine('tensorflow', async (steps) => {
  steps.setVariables({ VITVQ_TEST_ENGINE: 'tensorflow' });
  console.log(await steps.program('packages/cli/src/main.ts', 'engine', 'install', 'tensorflow', '--yes'));
  await steps.tests('packages/engine', 'test/tensorflow.test.ts');
  await steps.compareLosses();
  await steps.smoke('quickstart');
  await steps.tests('examples/pipeline', 'test/pipeline.test.ts', '-t', 'goes on after a kill');
});
