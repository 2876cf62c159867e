import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { madeUpImages } from '@vitvq/data';
import { writePng } from '@vitvq/report';

/** Writes made-up images as PNG files, into a folder for each class where they have names. */
export async function writePictures(
  folder: string,
  { count, classNames }: { readonly count: number; readonly classNames?: readonly string[] },
): Promise<void> {
  const source = madeUpImages({ count, imageSize: 20, ...(classNames && { classNames }) });
  for (let index = 0; index < source.length; index++) {
    const place = join(folder, classNames?.[source.labels[index]!] ?? '.');
    await mkdir(place, { recursive: true });
    const image = await source.read(index);
    if (!('pixels' in image)) throw new Error('made-up images are pixels');
    const { pixels: data, width, height } = image;
    await writePng(join(place, `${index}.png`), { data, width, height });
  }
}
