import { oneDevice, type Mesh } from '../src/mesh.js';
import { PjrtBackend } from '../src/pjrt/pjrt-backend.js';

/**
 * File of the plug-in that the tests of the pjrt engine use; without one they are skipped. `npm run
 * check-pjrt` installs one.
 */
export const plugin = process.env['VITVQ_PJRT_PLUGIN'] ?? '';

/** Starts a backend on the plug-in, without a folder of compiled programs unless one is given. */
export function startPjrt({
  cacheFolder,
  mesh = oneDevice,
}: { readonly cacheFolder?: string; readonly mesh?: Mesh } = {}): Promise<PjrtBackend> {
  return PjrtBackend.start({ plugin, isCpu: true, mesh, cacheFolder });
}
