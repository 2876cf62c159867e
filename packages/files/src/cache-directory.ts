import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Returns the folder where downloads are kept: `VITVQ_CACHE`; else `vitvq` in `XDG_CACHE_HOME`;
 * else the folder of the platform (`~/Library/Caches/vitvq`, `%LOCALAPPDATA%\vitvq`,
 * `~/.cache/vitvq`). The folder need not exist.
 */
export function defaultCacheDirectory(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  if (environment.VITVQ_CACHE) return environment.VITVQ_CACHE;
  if (environment.XDG_CACHE_HOME) return join(environment.XDG_CACHE_HOME, 'vitvq');
  const home = homedir();
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'vitvq');
  if (platform === 'win32') return join(environment.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'vitvq');
  return join(home, '.cache', 'vitvq');
}
