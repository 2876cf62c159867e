import { PjrtBackend } from '../src/pjrt/pjrt-backend.js';

/**
 * File of the plug-in that the tests of the pjrt engine use; without one they are skipped. `npm run
 * check-pjrt` installs one.
 */
export const plugin = process.env['VITVQ_PJRT_PLUGIN'] ?? '';

/** Starts a backend on the plug-in, without a folder of compiled programs unless one is given. */
export async function startPjrt(cacheFolder?: string): Promise<PjrtBackend> {
  return new PjrtBackend({ plugin, isCpu: true, cacheFolder });
}
