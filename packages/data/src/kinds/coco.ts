import { extname } from 'node:path';
import { DataError } from '@vitvq/core';
import { z } from 'zod';
import type { ImageDataset } from '../image-dataset.js';
import { annotationsByImage, readAnnotations, type Annotation, type Annotations } from '../internal/annotations.js';
import { captionOf } from '../internal/caption-files.js';
import { completeSource } from '../internal/complete-source.js';
import { drawMasks } from '../internal/draw-masks.js';
import { listedFields, listedFiles, openListedImages, type FileSample } from '../internal/file-samples.js';
import { subset } from '../subset.js';
import { pathSchema, sourceKind, type OpenedSource, type SourceContext } from './source-kind.js';

/** Masks have a byte a pixel, and 0 is the ground. */
const MAXIMUM_CATEGORIES = 255;

/** COCO: a folder of images and JSON files with captions, objects and their shapes. */
export const coco = sourceKind({
  schema: z.strictObject({
    kind: z.literal('coco'),
    images: pathSchema,
    annotations: pathSchema,
    captions: pathSchema.optional(),
    label: z.enum(['none', 'largest']).default('none'),
    masks: z
      .union([z.strictObject({ folder: pathSchema }), z.literal('draw')], {
        error: "expected { folder } with a PNG for each image, or 'draw'",
      })
      .optional(),
    ...listedFields,
  }),
  open: async ({ images, annotations, captions, label, masks, ...config }, context) => {
    const root = context.resolve(images);
    const listed = await readAnnotations(context.resolve(annotations));
    const captioned = captions === undefined ? undefined : await readAnnotations(context.resolve(captions));
    const samples = samplesOf(listed, captioned, label === 'largest');
    const files = await listedFiles(root, config, context);
    const opened = await openListedImages(
      {
        root,
        files,
        samples,
        classes: label === 'largest' ? listed.categories.map(({ name }) => name) : undefined,
        hasCaptions: captioned !== undefined,
      },
      config,
      context,
    );
    if (masks === undefined) return opened;
    return masks === 'draw'
      ? withDrawnMasks(opened, listed, annotations)
      : withMaskFiles(opened, masks.folder, config, context);
  },
});

/** An image of the list. */
interface CocoSample extends FileSample {
  readonly objects: readonly Annotation[];
  readonly height: unknown;
  readonly width: unknown;
}

function samplesOf(listed: Annotations, captioned: Annotations | undefined, hasLabels: boolean): CocoSample[] {
  const objects = annotationsByImage(listed);
  const captions = captioned && annotationsByImage(captioned);
  const names = new Map(listed.categories.map(({ id, name }) => [id, name]));
  return listed.images.map(({ id, file_name: file, height, width }) => {
    const found = objects.get(id) ?? [];
    const texts = (captions?.get(id) ?? []).flatMap(({ caption }) => (typeof caption === 'string' ? [caption] : []));
    // A caption is one line, whatever breaks it has.
    const caption = captionOf(texts.map((text) => text.replace(/\s+/g, ' ')).join('\n'));
    const largest = hasLabels ? [...found].sort((a, b) => areaOf(b) - areaOf(a))[0] : undefined;
    const label = largest && names.get(largest.category_id as string | number);
    return { name: file, file, objects: found, height, width, label, caption };
  });
}

function areaOf({ area }: Annotation): number {
  return typeof area === 'number' ? area : 0;
}

type OpenedCoco = OpenedSource & { readonly samples: readonly CocoSample[] };

/** Draws the objects of each image; a pixel is the position of the category plus 1. */
function withDrawnMasks({ samples, ...opened }: OpenedCoco, { categories }: Annotations, where: string): OpenedSource {
  if (categories.length > MAXIMUM_CATEGORIES) {
    const expected = `at most ${MAXIMUM_CATEGORIES} categories`;
    throw new DataError({ where, expected, got: String(categories.length), fix: 'Use masks from a folder.' });
  }
  const values = new Map(categories.map(({ id }, position) => [id, position + 1]));
  const unsized = samples.find(({ height, width }) => !isSize(height) || !isSize(width));
  if (unsized)
    throw new DataError({ where, expected: 'height and width of each image', got: `none for ${unsized.file}` });
  const conditions = completeSource(
    {
      name: `masks of ${opened.dataset.name}`,
      length: samples.length,
      channels: 1,
      decoding: { resampling: 'nearest' },
      identity: `${opened.dataset.identity} drawn`,
      nameOf: (index) => samples[index]!.file,
      read: (index) => {
        const { height, width, objects } = samples[index]!;
        const shapes = objects.flatMap((object) => {
          const value = values.get(object.category_id as string | number);
          return value === undefined ? [] : [{ value, area: areaOf(object), segmentation: object.segmentation }];
        });
        return drawMasks(height as number, width as number, shapes);
      },
    },
    where,
  );
  return { ...opened, conditions };
}

function isSize(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0;
}

/** Opens a folder that has a map of the same name, as a PNG, for each image. */
async function withMaskFiles(
  { samples, ...opened }: OpenedCoco,
  folder: string,
  config: Parameters<typeof openListedImages>[1],
  context: SourceContext,
): Promise<OpenedSource> {
  const root = context.resolve(folder);
  const maskConfig = { ...config, resampling: 'nearest' } as const;
  const files = await listedFiles(root, maskConfig, context);
  const maskOf = (file: string): string => `${file.slice(0, file.length - extname(file).length)}.png`;
  const problems = await files.problemsOf(samples.map(({ file }) => maskOf(file)));
  const kept = samples.flatMap((_, index) => (problems[index] === undefined ? [index] : []));
  const unpaired = problems.flatMap((problem, index) =>
    problem === undefined
      ? []
      : [{ name: samples[index]!.file, reason: `its mask ${maskOf(samples[index]!.file)} cannot be used: ${problem}` }],
  );
  if (kept.length === 0) {
    const got = `none; ${unpaired[0]!.name}: ${unpaired[0]!.reason}`;
    throw new DataError({ where: root, expected: 'a mask for at least one image', got });
  }
  const masks = await openListedImages(
    {
      root,
      files,
      samples: kept.map((index) => ({ name: samples[index]!.file, file: maskOf(samples[index]!.file) })),
      classes: undefined,
      hasCaptions: false,
    },
    maskConfig,
    context,
  );
  const dataset: ImageDataset = kept.length === samples.length ? opened.dataset : subset(opened.dataset, kept);
  return { dataset, conditions: masks.dataset, skipped: [...opened.skipped, ...unpaired] };
}
