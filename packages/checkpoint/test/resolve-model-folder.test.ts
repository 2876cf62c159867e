import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { resolveModelFolder } from '../src/index.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-resolve-'));
  vi.spyOn(process, 'cwd').mockReturnValue(folder);
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('resolveModelFolder', () => {
  it('takes a path as it is, whether something lies there or not', async () => {
    const fetched = vi.spyOn(globalThis, 'fetch').mockRejectedValue(new Error('nothing may be asked of a hub'));
    for (const path of [folder, join(folder, 'none'), './runs/two', 'model', '../a/b', 'a/b/c']) {
      expect(await resolveModelFolder(path)).toBe(path);
    }
    expect(fetched).not.toHaveBeenCalled();
  });

  it('asks the hub for owner/name where there is no folder of the owner', async () => {
    const fetched = vi.spyOn(globalThis, 'fetch').mockRejectedValue(new TypeError('no network'));
    await expect(resolveModelFolder('no-such-owner/name')).rejects.toThrow('no-such-owner/name');
    expect(fetched).toHaveBeenCalled();
    // `src` is a folder here, and no owner.
    expect(await resolveModelFolder('src/none')).toBe('src/none');
  });
});
