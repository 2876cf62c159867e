/** Options of {@link svgToPng}. */
export interface SvgToPngOptions {
  /** Pixels of the PNG file for one unit of the drawing. @default 2 */
  readonly scale?: number;
}

/**
 * Draws an SVG, such as a chart of this package, as a PNG file. Text needs a font on this machine;
 * the SVG itself does not.
 * @returns  the bytes of the file
 */
export async function svgToPng(svg: string, { scale = 2 }: SvgToPngOptions = {}): Promise<Uint8Array> {
  // Loaded here, so that a report without PNG files of charts needs no native library.
  const { default: sharp } = await import('sharp');
  return sharp(Buffer.from(svg), { density: 72 * scale })
    .png({ compressionLevel: 9 })
    .toBuffer();
}
