import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { readBytes } from '@vitvq/files';
import { z } from 'zod';
import { CIFAR10_CLASSES } from '../cifar10.js';
import { openImageArray } from '../image-array.js';
import { CIFAR10_IMAGE_BYTES, CIFAR10_IMAGE_SIZE, interleave } from '../internal/cifar10-archives.js';
import { readList } from '../internal/class-list.js';
import type { SkippedImage } from '../skipped-image.js';
import { pathSchema, commonFields, sourceKind } from './source-kind.js';

/** Published files are 30 to 154 MB. */
const MAXIMUM_BYTES = 512 * 2 ** 20;

/** How a variant is stored. */
interface Variant {
  /** Folder of the published archive. */
  readonly folder: string;
  readonly train: readonly string[];
  readonly test: readonly string[];
  /** Texts with a class a line, the number of classes, and the byte of a record with the class. */
  readonly labels: Readonly<
    Record<
      'fine' | 'coarse',
      { readonly names: string; readonly classes: number; readonly byte: number; readonly known?: readonly string[] }
    >
  >;
  /** Bytes of a record in front of the pixels. */
  readonly head: number;
}

const cifar10Labels = { names: 'batches.meta.txt', classes: 10, byte: 0, known: CIFAR10_CLASSES };

const variants: Readonly<Record<'cifar10' | 'cifar100', Variant>> = {
  cifar10: {
    folder: 'cifar-10-batches-bin',
    train: [1, 2, 3, 4, 5].map((number) => `data_batch_${number}.bin`),
    test: ['test_batch.bin'],
    labels: { fine: cifar10Labels, coarse: cifar10Labels },
    head: 1,
  },
  cifar100: {
    folder: 'cifar-100-binary',
    train: ['train.bin'],
    test: ['test.bin'],
    labels: {
      coarse: { names: 'coarse_label_names.txt', classes: 20, byte: 0 },
      fine: { names: 'fine_label_names.txt', classes: 100, byte: 1 },
    },
    head: 2,
  },
};

/** CIFAR-10 and CIFAR-100 as their authors publish them in binary files, unpacked. */
export const cifarBinary = sourceKind({
  schema: z.strictObject({
    kind: z.literal('cifar-binary'),
    path: pathSchema,
    variant: z.enum(['cifar10', 'cifar100']),
    labels: z.enum(['fine', 'coarse']).default('fine'),
    split: z.enum(['train', 'test']).default('train'),
    ...commonFields,
  }),
  open: async ({ path, variant, labels: level, split }, context) => {
    const { folder, labels: levels, head, ...files } = variants[variant];
    const { names, classes, byte, known } = levels[level];
    const root = await folderOf(context.resolve(path), folder);
    const skipped: SkippedImage[] = [];
    const labels: number[] = [];
    const parts: Uint8Array[] = [];
    for (const file of files[split]) {
      context.signal?.throwIfAborted();
      const bytes = await readBytes(join(root, file), 'a file of CIFAR images', MAXIMUM_BYTES).catch(
        (error: unknown) => {
          if (!(error instanceof DataError)) throw error;
          skipped.push({ name: file, reason: `it cannot be read: ${error.got}` });
          return new Uint8Array(0);
        },
      );
      const record = head + CIFAR10_IMAGE_BYTES;
      const count = Math.floor(bytes.length / record);
      if (count * record < bytes.length) {
        skipped.push({ name: file, reason: `it is cut short in image ${count}; the images before it are used` });
      }
      for (let image = 0; image < count; image++) {
        const label = bytes[image * record + byte]!;
        if (label >= classes) {
          skipped.push({ name: `${file}/${image}`, reason: `its label is ${label}, not below ${classes}` });
          continue;
        }
        labels.push(label);
        parts.push(bytes.subarray(image * record + head, (image + 1) * record));
      }
    }
    if (parts.length === 0) {
      const got = skipped[0] ? `none: ${skipped[0].name}: ${skipped[0].reason}` : 'none';
      throw new DataError({ where: root, expected: `images in ${files[split].join(', ')}`, got });
    }
    const images = new Uint8Array(parts.length * CIFAR10_IMAGE_BYTES);
    for (const [image, planes] of parts.entries()) interleave(planes, images, image * CIFAR10_IMAGE_BYTES);
    const dataset = openImageArray({
      images,
      height: CIFAR10_IMAGE_SIZE,
      width: CIFAR10_IMAGE_SIZE,
      labels,
      classNames: (await namesIn(join(root, names), classes)) ?? known ?? numbered(classes),
      name: `${variant === 'cifar10' ? 'CIFAR-10' : 'CIFAR-100'} ${split}`,
    });
    return { dataset, skipped };
  },
});

async function folderOf(path: string, published: string): Promise<string> {
  const inner = join(path, published);
  return (await stat(inner).catch(() => undefined))?.isDirectory() ? inner : path;
}

/** Returns the names in a text; undefined where it is not there or has others. */
async function namesIn(file: string, classes: number): Promise<string[] | undefined> {
  if (!(await stat(file).catch(() => undefined))) return undefined;
  const names = await readList(file, 'a list of classes');
  return names.length === classes ? names : undefined;
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index));
}
