/**
 * `npm run check-webgpu`: tests the engine `onnx-webgpu` on the driver that `VK_DRIVER_FILES`
 * names, or on a program that imitates a GPU, which Debian's chromium contains.
 */
import { existsSync } from 'node:fs';
import { checkEngine, type EngineSteps } from './internal/check-engine.js';
import { CheckError, run } from './internal/run.js';

const imitation = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Installs a package of the system where that can be done here. */
async function install(steps: EngineSteps, name: string): Promise<void> {
  const { code } = await run('apt-get', ['--version'], { cwd: steps.folder });
  if (process.getuid?.() !== 0 || code !== 0) throw new CheckError(`Install ${name}.`);
  steps.setVariables({ DEBIAN_FRONTEND: 'noninteractive' });
  await steps.command('apt-get', 'update', '-qq');
  await steps.command('apt-get', 'install', '-y', '-qq', '--no-install-recommends', name);
}

await checkEngine('onnx-webgpu', async (steps) => {
  const driver = process.env['VK_DRIVER_FILES'] ?? imitation;
  if (driver === imitation && !existsSync(driver)) await install(steps, 'chromium');
  if (!existsSync(driver)) throw new CheckError(`there is no driver ${driver}`);
  const libraries = await run('ldconfig', ['-p'], { cwd: steps.folder });
  if (!libraries.stdout.includes('libvulkan.so.1')) await install(steps, 'libvulkan1');
  steps.setVariables({ VK_DRIVER_FILES: driver, VITVQ_WEBGPU_TEST: '1' });
  await steps.tests('packages/engine', 'webgpu');
  await steps.tests('packages/engine', 'test/precision.test.ts', '-t', 'webgpu');
  await steps.tests('packages/stage1-trainer', 'compiled-steps', '-t', 'webgpu');
  await steps.tests('packages/stage2-trainer', 'transformer-trainer', '-t', 'webgpu');
  await steps.samplingTests('webgpu');
  await steps.compareLosses();
  await steps.smoke('quickstart');
});
