import { join } from 'node:path';
import { checkOptions, ConfigError, type OptionTable, type RgbImage } from '@vitvq/core';
import { createFolder, writeWhole } from '@vitvq/files';
import { encodePng } from './encode-png.js';
import { compose } from './internal/compose.js';
import { visibleHeight } from './internal/enlarge.js';
import { drawReportChart, renderPage } from './internal/render-page.js';
import type { GalleryBlock, ReportContent } from './report-content.js';
import { svgToPng } from './svg-to-png.js';

const reportContentNames: OptionTable<ReportContent> = {
  title: 'required',
  sections: 'required',
  lead: 'optional',
  summary: 'optional',
  footer: 'optional',
};

/** Names of files beside a report. */
const fileName = /^[a-z0-9][a-z0-9-]*\.png$/;

/**
 * Writes `report.html`, one file that contains its pictures, runs no script and requests nothing.
 * It is readable in light and dark mode, on a phone and on paper. Images and charts with a `file`
 * are also written beside it as PNG files.
 * @param directory  created if it does not exist
 * @returns the path of `report.html`
 * @throws {ConfigError} when a `file` is not a plain name or occurs twice
 * @throws {ShapeError} when an image, a gallery or a table does not fit together
 * @throws {DataError} when a file cannot be written
 */
export async function writeReport(directory: string, content: ReportContent): Promise<string> {
  checkOptions(content, reportContentNames, 'writeReport');
  const pictures = collectPictures(content);
  const page = await renderPage(content);
  await createFolder(directory);
  for (const [name, encode] of pictures) await writeWhole(join(directory, name), await encode());
  const file = join(directory, 'report.html');
  await writeWhole(file, page);
  return file;
}

/** Encodes a picture when it is written. */
type Encode = () => Uint8Array | Promise<Uint8Array>;

/** Returns the pictures beside a report by file name. */
function collectPictures(content: ReportContent): Map<string, Encode> {
  const pictures = new Map<string, Encode>();
  const add = (name: string | undefined, encode: Encode): void => {
    if (name === undefined) return;
    if (!fileName.test(name) || pictures.has(name)) {
      throw new ConfigError({
        where: 'writeReport',
        expected: 'file names that differ, of lower-case letters, digits and hyphens, ending in .png',
        got: JSON.stringify(name),
      });
    }
    pictures.set(name, encode);
  };
  for (const block of content.sections.flatMap(({ blocks }) => blocks)) {
    if (block.kind === 'image') add(block.file, () => encodePng(block.image));
    if (block.kind === 'gallery') add(block.file, async () => encodePng(await composeGallery(block)));
    if (block.kind === 'charts') {
      for (const chart of block.charts) add(chart.file, async () => svgToPng(await drawReportChart(chart, 'light')));
    }
  }
  return pictures;
}

/** Draws all groups of a gallery into one image. */
async function composeGallery({ items, labels, columns = labels.length > 2 ? 3 : 4 }: GalleryBlock): Promise<RgbImage> {
  const tallest = Math.max(...items.flatMap(({ images }) => images.map(({ height }) => height)));
  return compose({
    groups: items.map(({ images }) => images),
    labels,
    captions: items.some(({ caption }) => caption) ? items.map(({ caption = '' }) => caption) : undefined,
    columns,
    cellHeight: visibleHeight(tallest),
  });
}
