import { foldIn, randomKey } from '@vitvq/core';
import { openDataSource, readImages, splitSource, subset, type ImageDataset, type LoadedImages } from '@vitvq/data';
import { terminalView } from '@vitvq/example-shared';
import { imageSizeOf, openTrialImages, type TrialImages } from '@vitvq/run';
import { ClassConditioner, type Conditioner } from '@vitvq/transformers';
import { MEASURED_IMAGES } from './config.js';
import type { Models } from './models.js';

/** Images to complete. */
export interface TestImages extends LoadedImages {
  /** Name of their source. */
  readonly source: string;
  /** Whether the run held them out. */
  readonly isHeldOut: boolean;
  /** Class of each image as the model counts them; undefined where they are completed without. */
  readonly classes: readonly number[] | undefined;
}

/** Which images are completed. */
export interface TestImagesRequest {
  /** Folder of one's own images. @default those that the run held out */
  readonly data?: string | undefined;
  /** Decides which images are taken where there are many. */
  readonly seed: number;
}

/**
 * Reads images to complete, as large as the tokenizer wants them: those that the run held out, or
 * the user's own. Images have the classes that the model knows by name.
 * @throws {DataError} for images that cannot be read
 */
export async function readTestImages(
  { run, tokenizer, conditioner }: Pick<Models, 'run' | 'tokenizer' | 'conditioner'>,
  { data, seed }: TestImagesRequest,
): Promise<TestImages> {
  const chosen = data === undefined ? undefined : ({ kind: 'folder', path: data } as const);
  const opened = await openTrialImages(run, { ...(chosen && { data: chosen }), view: terminalView });
  const { source: all, isHeldOut, onSkip } = opened ?? (await openCifar10());
  const key = foldIn(randomKey(seed), 1);
  const some = all.length > MEASURED_IMAGES ? splitSource(all, { holdOut: MEASURED_IMAGES, key }).heldOut : all;
  const classOf = classesOf(conditioner, some);
  const kept = classOf && positionsWithPartners(some, classOf);
  const measured = kept ? subset(some, kept) : some;
  const leftOut = some.length - measured.length;
  if (leftOut > 0)
    console.log(`left out: ${leftOut} images of classes that the model does not know, or alone in theirs`);
  if (!kept && conditioner instanceof ClassConditioner) {
    console.log('The images have no classes that the model knows: they are completed without a class');
  }
  const images = await readImages(measured, { imageSize: imageSizeOf(tokenizer), onSkip });
  return {
    ...images,
    source: all.name,
    isHeldOut,
    classes: kept && Array.from(images.labels, (label) => classOf[label]!),
  };
}

/** Runs of earlier versions do not say what they learned from: it was CIFAR-10. */
async function openCifar10(): Promise<TrialImages> {
  const config = { kind: 'cifar10', split: 'test', limit: MEASURED_IMAGES } as const;
  const source = await openDataSource(config, { onProgress: terminalView.log });
  return { source, isHeldOut: true, onSkip: () => undefined };
}

/**
 * Returns the model's class of each class of a source, -1 for one that it does not know; undefined
 * for a model without classes.
 */
function classesOf(conditioner: Conditioner, { classNames }: ImageDataset): readonly number[] | undefined {
  if (!(conditioner instanceof ClassConditioner)) return undefined;
  const names = conditioner.classNames ?? classNames.slice(0, conditioner.classCount);
  return classNames.map((name) => names.indexOf(name));
}

/**
 * Returns the positions of images whose class the model knows and another image has too; undefined
 * where there are none.
 */
function positionsWithPartners({ labels }: ImageDataset, classOf: readonly number[]): number[] | undefined {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const kept = Array.from(labels.keys()).filter((index) => {
    const label = labels[index]!;
    return (classOf[label] ?? -1) >= 0 && counts.get(label)! > 1;
  });
  return kept.length > 0 ? kept : undefined;
}
