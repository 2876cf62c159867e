import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defaultCacheDirectory } from '../src/index.js';

describe('defaultCacheDirectory', () => {
  it('asks the environment first, then follows the platform', () => {
    expect(defaultCacheDirectory({ VITVQ_CACHE: '/a', XDG_CACHE_HOME: '/b' }, 'linux')).toBe('/a');
    expect(defaultCacheDirectory({ XDG_CACHE_HOME: '/b' }, 'darwin')).toBe(join('/b', 'vitvq'));
    expect(defaultCacheDirectory({}, 'linux')).toBe(join(homedir(), '.cache', 'vitvq'));
    expect(defaultCacheDirectory({}, 'darwin')).toBe(join(homedir(), 'Library', 'Caches', 'vitvq'));
    expect(defaultCacheDirectory({ LOCALAPPDATA: '/local' }, 'win32')).toBe(join('/local', 'vitvq'));
    expect(defaultCacheDirectory({}, 'win32')).toBe(join(homedir(), 'AppData', 'Local', 'vitvq'));
  });
});
