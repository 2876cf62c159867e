import { join } from 'node:path';
import { ConfigError } from '@vitvq/core';
import { compose } from './internal/compose.js';
import { createFolder, writeWhole } from '@vitvq/files';
import { drawReportChart, renderPage } from './internal/render-page.js';
import type { GalleryBlock, ReportContent } from './report-content.js';
import { encodePng, svgToPng, type RgbImage } from './rgb-image.js';

const fileName = /^[a-z0-9][a-z0-9-]*\.png$/;

/**
 * Writes `report.html`, one file that needs nothing else: no scripts, no requests, pictures inside; readable in light and
 * dark, on a phone and on paper. Pictures and charts that have a `file` are written beside it as PNG.
 * @returns the path of `report.html`
 * @throws {ConfigError} when a `file` is not a plain name or is there twice
 * @throws {ShapeError} when a picture, a gallery or a table does not fit together
 * @throws {DataError} when something cannot be written
 */
export async function writeReport(directory: string, content: ReportContent): Promise<string> {
  const pictures = collectPictures(content);
  const page = await renderPage(content);
  await createFolder(directory);
  for (const [name, encode] of pictures) await writeWhole(join(directory, name), await encode());
  const file = join(directory, 'report.html');
  await writeWhole(file, page);
  return file;
}

/** What is written beside the report, by file name. */
function collectPictures(content: ReportContent): Map<string, () => Promise<Uint8Array>> {
  const pictures = new Map<string, () => Promise<Uint8Array>>();
  const add = (name: string | undefined, encode: () => Promise<Uint8Array>): void => {
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

async function composeGallery({ items, labels, columns = labels.length > 2 ? 3 : 4 }: GalleryBlock): Promise<RgbImage> {
  const tallest = Math.max(...items.flatMap(({ images }) => images.map(({ height }) => height)));
  return compose({
    groups: items.map(({ images }) => images),
    labels,
    captions: items.some(({ caption }) => caption) ? items.map(({ caption = '' }) => caption) : undefined,
    columns,
    cellHeight: tallest * Math.max(1, Math.ceil(96 / tallest)),
  });
}
