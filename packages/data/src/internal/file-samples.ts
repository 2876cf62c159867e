import { basename, join } from 'node:path';
import type { DecodeOptions } from '@vitvq/core';
import { z } from 'zod';
import { encodedFields, decodingOf, type OpenedSource, type SourceContext } from '../kinds/source-kind.js';
import type { SkippedImage } from '../skipped-image.js';
import { completeDecoding } from './complete-source.js';
import { folderFiles, type FileChecks, type FolderFiles } from './image-files.js';
import { openSampleSet, type Sample } from './sample-set.js';

/** Fields of kinds whose images are files that a list names. */
export const listedFields = {
  /** How closely files are looked at; a list of a million files makes a header check long. */
  check: z.enum(['header', 'pixels', 'none']).default('none'),
  followLinks: z.boolean().default(false),
  ...encodedFields,
};

/** An image that a list names. */
export interface FileSample extends Sample {
  /** Path below the folder, with `/`. */
  readonly file: string;
}

type ListedConfig = Omit<FileChecks, 'decoding'> & DecodeOptions;

/** Lists the folder of a config. @throws {DataError} when there is none */
export function listedFiles(root: string, config: ListedConfig, context: SourceContext): Promise<FolderFiles> {
  const decoding = completeDecoding(decodingOf(config, context), root);
  return folderFiles(root, { check: config.check, followLinks: config.followLinks, decoding });
}

/** What is known of listed images, apart from the images. */
export interface ListedImages<S extends FileSample> {
  readonly root: string;
  readonly files: FolderFiles;
  readonly samples: readonly S[];
  readonly classes: readonly string[] | undefined;
  readonly hasCaptions: boolean;
  readonly skipped?: readonly SkippedImage[];
}

/**
 * Makes a source of files that a list names; those that are not there or cannot be used are left
 * out.
 * @throws {DataError} when none is left
 */
export async function openListedImages<S extends FileSample>(
  { root, files, samples, classes, hasCaptions, skipped = [] }: ListedImages<S>,
  config: ListedConfig,
  context: SourceContext,
): Promise<OpenedSource & { readonly samples: readonly S[] }> {
  const problems = await files.problemsOf(samples.map(({ file }) => file));
  const unusable = problems.flatMap((reason, index) =>
    reason === undefined ? [] : [{ name: samples[index]!.name, reason }],
  );
  return openSampleSet({
    name: basename(root),
    samples: samples.filter((_, index) => problems[index] === undefined),
    skipped: [...skipped, ...unusable],
    classes,
    hasCaptions,
    decoding: decodingOf(config, context),
    read: ({ file }) => ({ file: join(root, file) }),
  });
}
