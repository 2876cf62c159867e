import type { DecodeOptions } from '@vitvq/core';
import { z } from 'zod';
import type { ImageDataset } from '../image-dataset.js';
import { readList } from '../internal/class-list.js';
import type { SkippedImage } from '../skipped-image.js';

/** What a kind of source is opened with, apart from its config. */
export interface SourceContext {
  /** Whether one unusable image makes the source refused. */
  readonly strict: boolean;
  /** Class names of the training source, where a split of its data set is opened. */
  readonly classes: readonly string[] | undefined;
  readonly signal: AbortSignal | undefined;
  /** Returns the absolute path of a path in the config. */
  readonly resolve: (path: string) => string;
  /** Says something about the progress. */
  readonly say: (line: string) => void;
}

/** What a kind of source opens. */
export interface OpenedSource {
  readonly dataset: ImageDataset;
  /** The condition image of each image, where the kind has such. */
  readonly conditions?: ImageDataset;
  /** Images that were found and left out. */
  readonly skipped: readonly SkippedImage[];
}

/** Row of a kind of source that a config can ask for. */
export interface SourceKind<S extends z.ZodType> {
  /** Schema of the config; it fills in the defaults. */
  readonly schema: S;
  /** Opens the source of a config. */
  readonly open: (config: z.output<S>, context: SourceContext) => Promise<OpenedSource>;
}

/** Returns a row unchanged; TypeScript infers the schema. */
export function sourceKind<S extends z.ZodType>(kind: SourceKind<S>): SourceKind<S> {
  return kind;
}

/** Path of a file or a folder. */
export const pathSchema = z.string().min(1);

/** Names of classes in order of the labels, or the path of a text that has one a line. */
export const classesSchema = z.union([z.array(z.string().min(1)).min(1), pathSchema], {
  error: 'expected a list of names, or the path of a text with one name a line',
});

/** Returns the classes that a config lists. @throws {DataError} for a text that has none */
export async function classesOf(
  classes: z.output<typeof classesSchema> | undefined,
  { resolve }: SourceContext,
): Promise<readonly string[] | undefined> {
  return typeof classes === 'string' ? readList(resolve(classes), 'a list of classes') : classes;
}

/** Fields of every kind. */
export const commonFields = {
  /** Whether one unusable image makes the source refused. */
  strict: z.boolean().optional(),
  /** The images `[begin, end)`, in the order of the source. */
  range: z
    .tuple([z.int().min(0), z.int().min(1)])
    .refine(([begin, end]) => begin < end, 'expected [begin, end) with begin < end')
    .optional(),
  /** The first so many images, of `range` where it is given. */
  limit: z.int().min(1).optional(),
};

/** What a config of every kind says. */
export interface CommonConfig {
  readonly strict?: boolean;
  readonly range?: readonly [begin: number, end: number];
  readonly limit?: number;
}

/** Fields of every kind whose images are decoded. */
export const encodedFields = {
  ...commonFields,
  failOn: z.enum(['truncated', 'error', 'warning']).optional(),
  maximumPixels: z.int().min(1).optional(),
  maximumBytes: z.int().min(1).optional(),
  background: z
    .string()
    .regex(/^#[0-9a-f]{6}$/i, 'expected a colour as #rrggbb')
    .optional(),
  resampling: z.enum(['smooth', 'nearest']).optional(),
};

/** Returns the options of decoding that a config holds. */
export function decodingOf(
  { failOn, maximumPixels, maximumBytes, background, resampling }: DecodeOptions,
  { strict }: SourceContext,
): DecodeOptions {
  return { strict, failOn, maximumPixels, maximumBytes, background, resampling };
}
