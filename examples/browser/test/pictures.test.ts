import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { madeUpImages } from '@vitvq/data';
import { writePng } from '@vitvq/report';
import { readRunConfig, type ConfigObject, type OpenedRun } from '@vitvq/run';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readPictures } from '../src/pictures.js';

let folder: string;
const lines: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-browser-pictures-'));
  lines.length = 0;
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

/** A run that was measured on these images. */
async function runOf(validation: ConfigObject): Promise<OpenedRun> {
  const config = await readRunConfig('quickstart-smoke', { changes: { data: { validation } } });
  return { path: folder, config, folders: {} };
}

const read = (run: OpenedRun, data?: string) =>
  readPictures({ smoke: false, data }, { run, trainedOn: 'photos' }, [16, 16]);

describe('pictures to begin with', () => {
  it('are some that the run held out, of each class one', async () => {
    const pictures = await read(await runOf({ kind: 'made-up', count: 9 }));
    expect(pictures.map(({ name }) => name)).toEqual(['reddish', 'greenish', 'bluish']);
  });

  it("are one's own where a folder is named", async () => {
    for (const index of [0, 1]) {
      const image = await madeUpImages({ count: 2, imageSize: 20 }).read(index);
      if (!('pixels' in image)) throw new Error('made-up images are pixels');
      const { pixels: data, width, height } = image;
      await writePng(join(folder, `${index}.png`), { data, width, height });
    }
    const pictures = await read(await runOf({ kind: 'made-up', count: 9 }), folder);
    expect(pictures).toHaveLength(2);
  });

  it('are missing where those of the run are', async () => {
    expect(await read(await runOf({ kind: 'folder', path: join(folder, 'gone') }))).toEqual([]);
    expect(lines.join()).toContain('gone');
    expect(await read({ path: folder, config: undefined, folders: {} })).toEqual([]);
  });
});
