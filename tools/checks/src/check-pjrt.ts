/**
 * `npm run check-pjrt`: tests the engine `pjrt` on the plug-in that `VITVQ_PJRT_PLUGIN` names, or
 * on the one that `vitvq engine install pjrt` puts into an empty cache folder; and trains both
 * stages on it.
 */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { checkEngine, type EngineSteps } from './internal/check-engine.js';
import { CheckError } from './internal/run.js';

/** Installs a plug-in into the cache folder of the check; returns its file. */
async function installPlugin(steps: EngineSteps): Promise<string> {
  console.log(await steps.program('packages/cli/src/main.ts', 'engine', 'install', 'pjrt', '--yes'));
  const packages = join(steps.folder, 'cache', 'engines', 'pjrt', 'site-packages');
  const [plugin] = (await readdir(packages, { recursive: true })).filter((name) =>
    /pjrt_cpu\.so$|_plugin\.so$/.test(name),
  );
  if (plugin === undefined) throw new CheckError(`engine install pjrt left no plug-in in ${packages}`);
  return join(packages, plugin);
}

await checkEngine('pjrt', async (steps) => {
  const plugin = process.env['VITVQ_PJRT_PLUGIN'] ?? (await installPlugin(steps));
  if (!existsSync(plugin)) throw new CheckError(`there is no plug-in ${plugin}`);
  // Programs run a few times only, and without optimization they compile in a third of the time.
  steps.setVariables({ VITVQ_PJRT_PLUGIN: plugin, XLA_FLAGS: '--xla_backend_optimization_level=0' });
  await steps.tests('packages/engine', 'pjrt', 'mesh', 'loopback');
  await steps.tests('packages/engine', 'test/precision.test.ts', '-t', 'pjrt');
  await steps.tests('packages/stage1-trainer', 'compiled-', 'precision', '-t', 'pjrt');
  await steps.tests('packages/stage2-trainer', 'transformer-trainer', 'precision', '-t', 'pjrt');
  await steps.samplingTests('pjrt');
  await steps.tests('packages/cli', 'several-processes');
  await steps.program('tools/conformance/src/main.ts', '--engine', 'pjrt', '--only', 'train');
  await steps.compareLosses('data=4', 'data=2,model=2,weights=sharded');
  await steps.smoke('quickstart');
  await steps.smoke('pipeline');
});
