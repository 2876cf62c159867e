import { join } from 'node:path';
import { importOptional } from '../engines/import-optional.js';
import { sitePackages } from '../engines/installed-engine.js';
import { pluginsIn } from '../pjrt/find-plugin.js';
import { unpackWheel } from './unpack-wheel.js';

/**
 * Unpacks the wheels of a PJRT plug-in side by side, where it looks for the libraries that it
 * needs.
 * @throws {Error} with what Python complained of
 */
export async function assemblePlugin(folder: string, wheels: readonly string[]): Promise<void> {
  for (const wheel of wheels) await unpackWheel(wheel, join(folder, sitePackages));
}

/**
 * Loads the plug-in and looks at its version and the size of its table, where koffi is installed.
 * @throws {Error} saying why it cannot be used
 */
export async function tryPlugin(folder: string): Promise<void> {
  const [plugin] = pluginsIn(join(folder, sitePackages));
  if (plugin === undefined) throw new Error('wheels without a PJRT plug-in');
  if ((await importOptional('koffi')) === undefined) return;
  const { PjrtApi } = await import('../pjrt/pjrt-api.js');
  void new PjrtApi(plugin);
}
