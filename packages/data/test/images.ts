import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach } from 'vitest';
import sharp, { type Sharp } from 'sharp';

const created: string[] = [];

afterEach(async () => {
  for (const folder of created.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** A folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vitvq-data-'));
  created.push(folder);
  return folder;
}

/** Writes files under a new folder; missing sub-folders are made. */
export async function folderOf(files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

/** One colour. */
export function plain(width: number, height: number, color: string): Sharp {
  return sharp({ create: { width, height, channels: 3, background: color } });
}

/** A picture with something different in every corner, other for another seed. */
export function gradient(width: number, height: number, seed = 0): Sharp {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, index = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      data[index++] = (255 * x) / width;
      data[index++] = (255 * y) / height;
      data[index++] = (seed * 40 + x * 3 + y * 5) % 256;
    }
  }
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/** `count` PNGs of 40x40 in two classes. */
export async function twoClasses(count: number): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (let index = 0; index < count; index++) {
    const name = `${index % 2 ? 'dogs' : 'cats'}/${String(index).padStart(3, '0')}.png`;
    files[name] = await gradient(40, 40, index).png().toBuffer();
  }
  return files;
}
