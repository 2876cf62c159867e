import { checkOptions, type OptionTable } from '@vitvq/core';

/** Options of {@link svgToPng}. */
export interface SvgToPngOptions {
  /** Pixels of the PNG file for one unit of the drawing. @default 2 */
  readonly scale?: number;
}

const svgToPngOptionNames: OptionTable<SvgToPngOptions> = {
  scale: 'optional',
};

/**
 * Draws an SVG, such as a chart of this package, as a PNG file. Text needs a font on this machine;
 * the SVG itself does not.
 * @returns  the bytes of the file
 */
export async function svgToPng(svg: string, options: SvgToPngOptions = {}): Promise<Uint8Array> {
  const { scale = 2 } = checkOptions(options, svgToPngOptionNames, 'svgToPng');
  // Loaded here, so that a report without PNG files of charts needs no native library.
  const { default: sharp } = await import('sharp');
  return sharp(Buffer.from(svg), { density: 72 * scale })
    .png({ compressionLevel: 9 })
    .toBuffer();
}
