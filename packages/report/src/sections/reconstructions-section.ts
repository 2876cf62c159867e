import { checkOptions, type OptionTable } from '@vitvq/core';
import { comparisonGallery } from '../comparison-gallery.js';
import { formatInteger } from '../internal/format.js';
import { imageCaptions } from '../internal/image-captions.js';
import type { ReportSection } from '../report-content.js';
import type { ReconstructionFacts } from '../report-facts.js';

/** Options of {@link reconstructionsSection}. */
export interface ReconstructionsSectionOptions extends ReconstructionFacts {
  /** Number of images that are shown, from the first. @default 24 */
  readonly shown?: number;
  /** @default 'Reconstructions' */
  readonly title?: string;
  /** @default a sentence that says how many images are shown */
  readonly caption?: string;
  /** See `ImageBlock.file`. @default 'reconstructions.png' */
  readonly file?: string;
}

const reconstructionsSectionOptionNames: OptionTable<ReconstructionsSectionOptions> = {
  originals: 'required',
  reconstructions: 'required',
  names: 'optional',
  psnrOfImages: 'optional',
  shown: 'optional',
  title: 'optional',
  caption: 'optional',
  file: 'optional',
};

/**
 * Shows images beside their reconstructions.
 * @throws {ShapeError} when originals, reconstructions, names and PSNR values do not fit each other
 * @throws {ConfigError} unless `shown` is a positive integer
 */
export function reconstructionsSection(options: ReconstructionsSectionOptions): ReportSection {
  checkOptions(options, reconstructionsSectionOptionNames, 'reconstructionsSection', { allowOthers: true });
  const { originals, reconstructions, shown = 24, title = 'Reconstructions', file = 'reconstructions.png' } = options;
  const count = originals.shape[0];
  const {
    caption = `The first ${formatInteger(Math.min(shown, count))} of ${formatInteger(count)} images that were kept out of the training, each beside its reconstruction from its tokens. Higher PSNR is closer.`,
  } = options;
  const gallery = comparisonGallery(
    [
      { label: 'original', images: originals },
      { label: 'reconstruction', images: reconstructions },
    ],
    { shown, names: imageCaptions(options, 'reconstructionsSection'), caption, file },
  );
  return { title, blocks: [gallery] };
}
