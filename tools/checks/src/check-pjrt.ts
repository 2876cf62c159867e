/**
 * `npm run check-pjrt`: tests the engine `pjrt` on the plug-in that `VITVQ_PJRT_PLUGIN` names, or
 * on one for the CPU, which pip puts into a temporary folder; and trains both stages on it.
 */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkEngine, type EngineSteps } from './internal/check-engine.js';
import { CheckError } from './internal/run.js';

const wheel =
  'fastatomstruct-xla-cpu==2026.6.23 --hash=sha256:88b1c430b341b4bea40a37420311c9c75db6e22b46d2ff95b6986577bee6afe9';

/** Installs the plug-in for the CPU; returns its file. */
async function installPlugin(steps: EngineSteps): Promise<string> {
  const { folder } = steps;
  const requirements = join(folder, 'requirements.txt');
  const packages = join(folder, 'packages');
  await writeFile(requirements, wheel);
  const flags = ['--quiet', '--disable-pip-version-check', '--no-deps', '--require-hashes'];
  await steps.command('python3', '-m', 'pip', 'install', ...flags, '--target', packages, '--requirement', requirements);
  return join(packages, 'fastatomstruct_xla_cpu', 'libpjrt_cpu.so');
}

await checkEngine('pjrt', async (steps) => {
  const plugin = process.env['VITVQ_PJRT_PLUGIN'] ?? (await installPlugin(steps));
  if (!existsSync(plugin)) throw new CheckError(`there is no plug-in ${plugin}`);
  // Programs run a few times only, and without optimization they compile in a third of the time.
  steps.setVariables({ VITVQ_PJRT_PLUGIN: plugin, XLA_FLAGS: '--xla_backend_optimization_level=0' });
  await steps.tests('packages/engine', 'pjrt');
  await steps.tests('packages/engine', 'test/precision.test.ts', '-t', 'pjrt');
  await steps.tests('packages/stage1-trainer', 'compiled-', 'precision', '-t', 'pjrt');
  await steps.tests('packages/stage2-trainer', 'transformer-trainer', 'precision', '-t', 'pjrt');
  await steps.tests('packages/sampling', 'compiled-sampling', '-t', 'pjrt');
  await steps.program('tools/conformance/src/main.ts', '--engine', 'pjrt', '--only', 'train');
  await steps.compareLosses();
  await steps.smoke('quickstart');
  await steps.smoke('pipeline');
});
