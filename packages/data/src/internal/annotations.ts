import { DataError } from '@vitvq/core';
import { readText } from '@vitvq/files';
import { z } from 'zod';

/** JSON of more bytes has no place in a text of JavaScript. */
const MAXIMUM_BYTES = 2 ** 29 - 25;

const id = z.union([z.number(), z.string()]);

/** What COCO and iNaturalist have in common; other fields stay. */
const annotationsSchema = z.object({
  images: z.array(z.looseObject({ id, file_name: z.string().min(1) })),
  annotations: z.array(z.looseObject({ image_id: id })),
  categories: z.array(z.looseObject({ id, name: z.string() })).default([]),
});

/** A file of annotations. */
export type Annotations = z.output<typeof annotationsSchema>;

/** An annotation of an image. */
export type Annotation = Annotations['annotations'][number];

/** Reads a JSON file of the form of COCO. @throws {DataError} naming what does not fit */
export async function readAnnotations(file: string): Promise<Annotations> {
  const text = await readText(file, 'a file of annotations', MAXIMUM_BYTES);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DataError({ where: file, expected: 'JSON', got: (cause as Error).message }, { cause });
  }
  const { success, data, error } = annotationsSchema.safeParse(value);
  if (success) return data;
  const { path, message } = error.issues[0]!;
  throw new DataError({
    where: file,
    expected: 'images, annotations and categories in the form of COCO',
    got: `${path.join('.') || 'the whole'}: ${message}`,
  });
}

/** Returns the annotations of each image, by its id. */
export function annotationsByImage({ annotations }: Annotations): Map<string | number, Annotation[]> {
  const found = new Map<string | number, Annotation[]>();
  for (const annotation of annotations) {
    const others = found.get(annotation.image_id);
    if (others) others.push(annotation);
    else found.set(annotation.image_id, [annotation]);
  }
  return found;
}
