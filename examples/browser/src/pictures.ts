import { DataError, printable, toRgbImages } from '@vitvq/core';
import { madeUpImages, openDataSource, readImages, subset, type ImageDataset } from '@vitvq/data';
import { terminalView } from '@vitvq/example-shared';
import { encodePng } from '@vitvq/report';
import { openTrialImages } from '@vitvq/run';
import { PICTURES, SMOKE } from './config.js';
import type { Models } from './models.js';
import type { Request } from './options.js';

/** A picture that the models have not seen, as large as they want it. */
export interface Picture {
  readonly name: string;
  readonly png: Uint8Array;
}

/**
 * Pictures to begin with: those of a folder, or some that the run held out. Of a run that does not
 * say what it held out, only its data tells: of CIFAR-10, test images serve.
 */
export async function readPictures(
  { smoke, data }: Pick<Request, 'smoke' | 'data'>,
  models: Pick<Models, 'run' | 'trainedOn'>,
  imageSize: readonly [number, number],
): Promise<Picture[]> {
  const source = smoke
    ? madeUpImages({ count: SMOKE.classes.length, imageSize: SMOKE.imageSize })
    : await openSource(data, models);
  if (!source) return [];
  const chosen = subset(source, firstOfEachClass(source));
  const images = await readImages(chosen, { imageSize });
  return toRgbImages(images).map((image, index) => ({
    name: images.names[index] || `picture ${index + 1}`,
    png: encodePng(image),
  }));
}

async function openSource(
  data: string | undefined,
  { run, trainedOn }: Pick<Models, 'run' | 'trainedOn'>,
): Promise<ImageDataset | undefined> {
  const view = terminalView;
  if (data !== undefined) return (await openTrialImages(run, { data: { kind: 'folder', path: data }, view }))?.source;
  try {
    const opened = await openTrialImages(run, { view });
    if (opened) return opened.source;
  } catch (error) {
    // The run may be of another machine; the page needs no pictures.
    if (!(error instanceof DataError)) throw error;
    console.log(printable(error.message));
    return undefined;
  }
  // Folders of earlier versions do not say it; their examples had CIFAR-10.
  if (trainedOn !== undefined && !trainedOn.startsWith('CIFAR-10')) return undefined;
  return openDataSource({ kind: 'cifar10', split: 'test' }, { onProgress: view.log });
}

function firstOfEachClass({ labels, classNames, length }: ImageDataset): number[] {
  if (classNames.length < 2) return Array.from({ length: Math.min(PICTURES, length) }, (_, index) => index);
  const first = classNames.map((_, label) => labels.indexOf(label)).filter((index) => index >= 0);
  return first.slice(0, PICTURES);
}
