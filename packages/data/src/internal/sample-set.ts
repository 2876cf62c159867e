import { createHash } from 'node:crypto';
import { DataError, type DecodeOptions, type SourceImage } from '@vitvq/core';
import type { Caption, ImageDataset } from '../image-dataset.js';
import type { OpenedSource } from '../kinds/source-kind.js';
import type { SkippedImage } from '../skipped-image.js';
import { completeSource } from './complete-source.js';
import { countOf, listOf } from './report-skipped.js';

/** What an index knows of an image. */
export interface Sample {
  /** Name of the image in its source. */
  readonly name: string;
  /** Class: a name or a number. */
  readonly label?: string | number;
  readonly caption?: Caption;
}

/** Samples and what is known of all of them. */
export interface SampleSet<S extends Sample> {
  /** Name for people. */
  readonly name: string;
  readonly samples: readonly S[];
  /** Names of the classes, where they are known. */
  readonly classes: readonly string[] | undefined;
  /** Whether each sample needs a caption. */
  readonly hasCaptions: boolean;
  readonly decoding: DecodeOptions;
  /** Text that tells apart images of the same names. @default nothing */
  readonly identityOf?: (sample: S) => string;
  /** Reads the image of a sample. */
  readonly read: (sample: S) => SourceImage | Promise<SourceImage>;
  /** What was left out while the index was made. */
  readonly skipped: readonly SkippedImage[];
}

/** Labels that are larger are no classes. */
const MAXIMUM_LABEL = 2 ** 20;

/**
 * Makes a source of samples. Where one of them has a label, or captions are asked for, those
 * without are left out.
 * @throws {DataError} when no sample is left
 */
export function openSampleSet<S extends Sample>(set: SampleSet<S>): OpenedSource & { readonly samples: readonly S[] } {
  const { name, samples, hasCaptions, decoding, identityOf, read } = set;
  const { classNames, labelOf } = labelReader(samples, set.classes);
  const skipped = [...set.skipped];
  const kept: S[] = [];
  const labels: number[] = [];
  for (const sample of samples) {
    const label = labelOf(sample.label);
    if (typeof label === 'string') skipped.push({ name: sample.name, reason: label });
    else if (hasCaptions && sample.caption === undefined)
      skipped.push({ name: sample.name, reason: 'it has no caption' });
    else {
      kept.push(sample);
      labels.push(label);
    }
  }
  if (kept.length === 0) {
    const got = skipped.length === 0 ? 'none' : `${countOf(skipped)}, none usable: ${listOf(skipped)}`;
    throw new DataError({ where: name, expected: 'at least one usable image', got });
  }
  const complete = completeSource(
    {
      name,
      length: kept.length,
      ...(classNames && { labels, classNames: classNames.length > 0 ? classNames : undefined }),
      decoding,
      nameOf: (index) => kept[index]!.name,
      read: (index) => read(kept[index]!),
      ...(hasCaptions && { captions: kept.map(({ caption }) => caption!) }),
    },
    name,
  );
  const dataset: ImageDataset = Object.defineProperty({ ...complete }, 'identity', {
    enumerable: true,
    // Computed when it is asked for.
    get: () => {
      const hash = createHash('sha256');
      for (const sample of kept) {
        hash.update(JSON.stringify([sample.name, identityOf?.(sample), hasCaptions ? sample.caption : null]));
      }
      return hash.digest('hex');
    },
  });
  return { dataset, skipped, samples: kept };
}

/** How labels become positions in a list of classes. */
interface LabelReader {
  /** Undefined without labels; empty where numbers have no names. */
  readonly classNames: readonly string[] | undefined;
  /** Returns the position, or why there is none. */
  readonly labelOf: (label: string | number | undefined) => number | string;
}

/**
 * Labels are names, or else positions in the list of classes. Without a list, names are sorted, and
 * numbers are their own positions.
 */
function labelReader(samples: readonly Sample[], classes: readonly string[] | undefined): LabelReader {
  const given = samples.flatMap(({ label }) => (label === undefined ? [] : [String(label)]));
  if (given.length === 0) return { classNames: undefined, labelOf: () => 0 };
  const names = classes ?? (given.every(isNumber) ? undefined : [...new Set(given)].sort());
  const positions = new Map(names?.map((each, position) => [each, position]));
  const limit = names?.length ?? MAXIMUM_LABEL;
  return {
    classNames: names ?? [],
    labelOf: (label) => {
      if (label === undefined) return 'it has no label';
      const text = String(label);
      const position = positions.get(text) ?? (isNumber(text) ? Number(text) : limit);
      return position < limit ? position : `its label ${JSON.stringify(text)} is no class`;
    },
  };
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}
