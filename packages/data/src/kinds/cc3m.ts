import { basename } from 'node:path';
import { readLines } from '@vitvq/files';
import { z } from 'zod';
import { captionOf } from '../internal/caption-files.js';
import { listedFields, listedFiles, openListedImages, type FileSample } from '../internal/file-samples.js';
import { isAddress } from '../internal/remote-file.js';
import type { SkippedImage } from '../skipped-image.js';
import { pathSchema, sourceKind } from './source-kind.js';

/** Conceptual Captions: a table of captions and addresses, and the images that were downloaded. */
export const cc3m = sourceKind({
  schema: z.strictObject({
    kind: z.literal('cc3m'),
    tsv: pathSchema,
    images: pathSchema,
    name: z.enum(['path', 'line']).default('path'),
    ...listedFields,
  }),
  open: async ({ tsv, images, name, ...config }, context) => {
    const table = context.resolve(tsv);
    const root = context.resolve(images);
    const files = await listedFiles(root, config, context);
    const fileOf = name === 'path' ? byPath(files.files) : byNumber(files.files);
    const samples: FileSample[] = [];
    const skipped: SkippedImage[] = [];
    for await (const { number, text } of readLines(table, 'a table of captions')) {
      context.signal?.throwIfAborted();
      if (text?.trim() === '') continue;
      const [first, second] = text?.replace(/\r$/, '').split('\t') ?? [];
      const entry = `${basename(table)}, line ${number}`;
      if (first === undefined || second === undefined) {
        skipped.push({ name: entry, reason: 'it is no caption and address, with a tab between them' });
        continue;
      }
      // The published table has the caption first; lists of downloaded files have the path first.
      const [caption, place] = isAddress(second) ? [first, second] : [second, first];
      const file = fileOf(place, number);
      if (file === undefined) skipped.push({ name: entry, reason: `${place} is not among the images` });
      else samples.push({ name: file, file, caption: captionOf(caption) });
    }
    return openListedImages({ root, files, samples, classes: undefined, hasCaptions: true, skipped }, config, context);
  },
});

/** Finds the file of a path below the folder, or of an address by the last part of its path. */
function byPath(files: readonly string[]): (place: string) => string | undefined {
  const present = new Set(files);
  const byName = new Map(files.map((file) => [basename(file), file]));
  return (place) => {
    if (!isAddress(place)) return present.has(place) ? place : undefined;
    return URL.canParse(place) ? byName.get(basename(new URL(place).pathname)) : undefined;
  };
}

/** Finds the file that is named by the number of the line, from 0 on, with leading zeros or not. */
function byNumber(files: readonly string[]): (place: string, line: number) => string | undefined {
  const byLine = new Map(
    files.flatMap((file): [number, string][] => {
      const [, digits] = /^(\d+)\.[^.]*$/.exec(basename(file)) ?? [];
      return digits === undefined ? [] : [[Number(digits), file]];
    }),
  );
  return (_, line) => byLine.get(line - 1);
}
