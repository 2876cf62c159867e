import { UnusableImageError, type PixelImage } from '@vitvq/core';
import { z } from 'zod';

const size = z.tuple([z.int().min(1), z.int().min(1)]);

/** Shape of an object: polygons, or runs of pixels column by column, plain or packed in a text. */
const shapeSchema = z.union([
  z.array(z.array(z.number())),
  z.object({ counts: z.union([z.array(z.int().min(0)), z.string()]), size }),
]);

/** An object in an image. */
export interface MaskObject {
  /** Value of its pixels, from 1 to 255. */
  readonly value: number;
  /** Number of its pixels; small objects lie on large ones. */
  readonly area: number;
  /** Shape as COCO has it. */
  readonly segmentation: unknown;
}

/**
 * Draws a map of objects: a byte a pixel, 0 where no object is.
 * @throws {UnusableImageError} for a shape that is none
 */
export function drawMasks(height: number, width: number, objects: readonly MaskObject[]): PixelImage {
  const pixels = new Uint8Array(height * width);
  for (const { value, segmentation } of [...objects].sort((a, b) => b.area - a.area)) {
    const shape = shapeSchema.safeParse(segmentation).data;
    if (shape === undefined) throw new UnusableImageError('the shape of one of its objects is damaged');
    if (Array.isArray(shape)) {
      fillPolygons(pixels, height, width, shape, value);
    } else {
      if (shape.size[0] !== height || shape.size[1] !== width) {
        throw new UnusableImageError(`one of its objects has a map of ${shape.size[0]}x${shape.size[1]}`);
      }
      fillRuns(
        pixels,
        height,
        width,
        typeof shape.counts === 'string' ? unpackRuns(shape.counts) : shape.counts,
        value,
      );
    }
  }
  return { pixels, height, width };
}

/** Fills the pixels whose centers lie within one of the polygons `[x0, y0, x1, y1, …]`. */
function fillPolygons(
  pixels: Uint8Array,
  height: number,
  width: number,
  polygons: readonly (readonly number[])[],
  value: number,
): void {
  for (const polygon of polygons) {
    for (let row = 0; row < height; row++) {
      const crossings = crossingsAt(polygon, row + 0.5);
      for (let pair = 0; pair + 1 < crossings.length; pair += 2) {
        const from = Math.max(0, Math.ceil(crossings[pair]! - 0.5));
        const to = Math.min(width, Math.ceil(crossings[pair + 1]! - 0.5));
        if (from < to) pixels.fill(value, row * width + from, row * width + to);
      }
    }
  }
}

/** Returns where the edges of a polygon cross a horizontal line, from left to right. */
function crossingsAt(polygon: readonly number[], y: number): number[] {
  const crossings: number[] = [];
  const corners = Math.floor(polygon.length / 2);
  for (let corner = 0; corner < corners; corner++) {
    const next = (corner + 1) % corners;
    const [x0, y0, x1, y1] = [
      polygon[corner * 2]!,
      polygon[corner * 2 + 1]!,
      polygon[next * 2]!,
      polygon[next * 2 + 1]!,
    ];
    if (y0 <= y !== y1 <= y) crossings.push(x0 + ((y - y0) / (y1 - y0)) * (x1 - x0));
  }
  return crossings.sort((a, b) => a - b);
}

/** Fills every second run of pixels, which follow each other column by column. */
function fillRuns(pixels: Uint8Array, height: number, width: number, runs: readonly number[], value: number): void {
  let at = 0;
  for (const [index, run] of runs.entries()) {
    const end = Math.min(at + run, height * width);
    if (index % 2 === 1) for (; at < end; at++) pixels[(at % height) * width + Math.floor(at / height)] = value;
    at = end;
  }
}

/**
 * Unpacks runs from the text of COCO: five bits a letter from `0` on, the sixth says that more
 * follow, and from the third run on differences to the run before the last.
 */
function unpackRuns(text: string): number[] {
  const runs: number[] = [];
  for (let at = 0; at < text.length;) {
    let run = 0;
    let bits = 0;
    for (let isLast = false; !isLast && at < text.length;) {
      const code = text.charCodeAt(at++) - 48;
      run |= (code & 31) << bits;
      bits += 5;
      isLast = (code & 32) === 0;
      if (isLast && code & 16) run |= -1 << bits;
    }
    if (runs.length > 2) run += runs[runs.length - 2]!;
    if (run < 0) throw new UnusableImageError('the shape of one of its objects is damaged');
    runs.push(run);
  }
  return runs;
}
