import { checkOptions, ShapeError, toRgbImages, type HostImages, type OptionTable } from '@vitvq/core';
import type { ReportSection } from '../report-content.js';

/** Options of {@link samplesSection}. */
export interface SamplesSectionOptions {
  /**
   * Samples `[B, H, W, C]` in [0, 1], row after row: all samples of the first row, then those of
   * the second.
   */
  readonly samples: HostImages;
  /** One text for each sample of a row, such as its seed. */
  readonly labels: readonly string[];
  /** One text for each row, such as its class or its prompt. */
  readonly rows: readonly string[];
  /** How the samples were drawn. */
  readonly caption?: string;
  /** @default 'Samples' */
  readonly title?: string;
  /** See `ImageBlock.file`. @default 'samples.png' */
  readonly file?: string;
  /** Number of rows side by side in the PNG file. @default 1 */
  readonly columns?: number;
}

const samplesSectionOptionNames: OptionTable<SamplesSectionOptions> = {
  samples: 'required',
  labels: 'required',
  rows: 'required',
  caption: 'optional',
  title: 'optional',
  file: 'optional',
  columns: 'optional',
};

/**
 * Shows samples of a model in rows, such as a row for each class and a column for each seed.
 * @throws {ShapeError} unless there is a sample for each row and label
 */
export function samplesSection(options: SamplesSectionOptions): ReportSection {
  checkOptions(options, samplesSectionOptionNames, 'samplesSection');
  const { samples, labels, rows, caption, title = 'Samples', file = 'samples.png', columns = 1 } = options;
  const [count] = samples.shape;
  if (count !== rows.length * labels.length) {
    throw new ShapeError({
      where: 'samplesSection',
      expected: `${rows.length} rows of ${labels.length} samples`,
      got: `${count} samples`,
    });
  }
  const images = toRgbImages(samples);
  const items = rows.map((text, row) => ({
    images: images.slice(row * labels.length, (row + 1) * labels.length),
    caption: text,
  }));
  return { title, blocks: [{ kind: 'gallery', labels, items, file, columns, ...(caption && { caption }) }] };
}
