import sharp from 'sharp';
import { assertImage, raw, type RgbImage } from '../rgb-image.js';
import { escapeXml } from './markup.js';

export interface ComposeOptions {
  /** Pictures of one group stand side by side. */
  readonly groups: readonly (readonly RgbImage[])[];
  /** One text above each picture of the groups in the first row. */
  readonly labels?: readonly string[] | undefined;
  /** One text below each group. */
  readonly captions?: readonly string[] | undefined;
  readonly columns: number;
  /** Every picture is enlarged to this height, by nearest neighbour. */
  readonly cellHeight: number;
}

const innerGap = 3;
const outerGap = 16;
const captionHeight = 22;
const labelHeight = 20;

/** One picture of many: groups in rows, close together within a group, with room between groups. */
export async function compose({ groups, labels, captions, columns, cellHeight }: ComposeOptions): Promise<RgbImage> {
  const tiles = groups.map((images) => images.map((image) => enlarge(image, cellHeight)));
  const groupWidths = tiles.map((images) => images.reduce((sum, { width }) => sum + width + innerGap, -innerGap));
  const groupWidth = Math.max(...groupWidths);
  const rowHeight = cellHeight + (captions ? captionHeight : 0) + outerGap;
  const usedColumns = Math.min(columns, groups.length);
  const width = outerGap + usedColumns * (groupWidth + outerGap);
  const firstTop = outerGap + (labels ? labelHeight : 0);
  const height = firstTop + Math.ceil(groups.length / columns) * rowHeight;
  const data = new Uint8Array(width * height * 3).fill(255);
  const texts: string[] = [];
  for (const [index, images] of tiles.entries()) {
    const top = firstTop + Math.floor(index / columns) * rowHeight;
    const left = outerGap + (index % columns) * (groupWidth + outerGap);
    let x = left;
    for (const [position, image] of images.entries()) {
      const label = labels?.[position];
      if (label && index < columns) texts.push(text(label, x, top - 8));
      for (let row = 0; row < image.height; row++) {
        const source = row * image.width * 3;
        data.set(image.data.subarray(source, source + image.width * 3), ((top + row) * width + x) * 3);
      }
      x += image.width + innerGap;
    }
    const caption = captions?.[index];
    if (caption) texts.push(text(caption, left, top + cellHeight + 16));
  }
  const picture = { width, height, data };
  if (texts.length === 0) return picture;
  const overlay = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="13" fill="#444">${texts.join('')}</svg>`;
  const drawn = await raw(picture)
    .composite([{ input: await sharp(Buffer.from(overlay)).png().toBuffer() }])
    .removeAlpha()
    .raw()
    .toBuffer();
  return { width, height, data: new Uint8Array(drawn) };
}

function text(content: string, x: number, y: number): string {
  return `<text x="${x}" y="${y}">${escapeXml(content)}</text>`;
}

/** Nearest neighbour, so that single pixels stay visible; a picture that is taller already is left as it is. */
function enlarge(image: RgbImage, height: number): RgbImage {
  assertImage(image, 'imageGrid');
  const width = Math.max(1, Math.round((image.width * height) / image.height));
  if (height === image.height) return image;
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const sourceRow = Math.floor((y * image.height) / height) * image.width;
    for (let x = 0; x < width; x++) {
      const source = (sourceRow + Math.floor((x * image.width) / width)) * 3;
      data.set(image.data.subarray(source, source + 3), (y * width + x) * 3);
    }
  }
  return { width, height, data };
}
