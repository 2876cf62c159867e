import type { RgbImage } from '@vitvq/core';
import { escapeXml } from './markup.js';

/** A text in an image, with the left end of its baseline in pixels. */
export interface PlacedText {
  readonly text: string;
  readonly x: number;
  readonly y: number;
}

/** Draws texts over an image. Needs a font on this machine. */
export async function drawTexts(image: RgbImage, texts: readonly PlacedText[]): Promise<RgbImage> {
  if (texts.length === 0) return image;
  // Loaded here, so that pictures without texts need no native library.
  const { default: sharp } = await import('sharp');
  const { width, height, data } = image;
  const elements = texts.map(({ text, x, y }) => `<text x="${x}" y="${y}">${escapeXml(text)}</text>`).join('');
  const overlay = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="13" fill="#444">${elements}</svg>`;
  const drawn = await sharp(data, { raw: { width, height, channels: 3 } })
    .composite([{ input: await sharp(Buffer.from(overlay)).png().toBuffer() }])
    .removeAlpha()
    .raw()
    .toBuffer();
  return { width, height, data: new Uint8Array(drawn) };
}
