import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDataSource } from '@vitvq/data';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { writeTar } from '../src/internal/write-tar.js';

it('writes archives that WebDataset reads', async () => {
  const folder = await fs.mkdtemp(join(tmpdir(), 'vitvq-tar-'));
  try {
    const pixels = new Uint8Array(2 * 2 * 3).fill(7);
    const content = await sharp(pixels, { raw: { width: 2, height: 2, channels: 3 } })
      .png()
      .toBuffer();
    const label = (text: string): Buffer => Buffer.from(text);
    await writeTar(join(folder, '0.tar'), [
      { name: 'a.png', content },
      { name: 'a.cls', content: label('0') },
      { name: 'b.png', content },
      { name: 'b.cls', content: label('2') },
    ]);
    const source = await openDataSource({ kind: 'webdataset', shards: folder, strict: true });
    expect([...source.labels]).toEqual([0, 2]);
    expect(await source.read(1)).toMatchObject({ bytes: new Uint8Array(content) });
  } finally {
    await fs.rm(folder, { recursive: true, force: true });
  }
});
