/** A point of a picture, in pixels from its upper left corner. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Pixels of a picture, and the grid of its tokens. */
export interface PictureShape {
  readonly image: { readonly height: number; readonly width: number };
  readonly grid: readonly [number, number];
}

/** A straight part of what a round brush paints. */
export interface Stroke {
  readonly from: Point;
  readonly to: Point;
  /** In pixels. */
  readonly radius: number;
}

/** Positions of tokens that are painted over: a token is, when one of its pixels is. */
export class BrushMask {
  readonly #shape: PictureShape;
  readonly #painted = new Set<number>();

  constructor(shape: PictureShape) {
    this.#shape = shape;
  }

  /** Do not change. */
  get painted(): ReadonlySet<number> {
    return this.#painted;
  }

  paint(stroke: Stroke): void {
    for (const position of tokensUnder(stroke, this.#shape)) this.#painted.add(position);
  }

  erase(stroke: Stroke): void {
    for (const position of tokensUnder(stroke, this.#shape)) this.#painted.delete(position);
  }

  /** Paints over one token, or takes the paint away; returns whether it is painted now. */
  toggle(position: number): boolean {
    if (this.#painted.delete(position)) return false;
    this.#painted.add(position);
    return true;
  }

  clear(): void {
    this.#painted.clear();
  }
}

/** Tokens of the pixels under a stroke. */
function tokensUnder(stroke: Stroke, shape: PictureShape): Set<number> {
  const { height, width } = shape.image;
  const [rows, columns] = shape.grid;
  return new Set(
    pixelsUnder(stroke, shape.image).map((pixel) => {
      const [y, x] = [Math.floor(pixel / width), pixel % width];
      return Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width);
    }),
  );
}

/**
 * Pixels, row after row, whose middle a stroke covers; those at its ends too, however thin it is.
 */
export function pixelsUnder({ from, to, radius }: Stroke, { height, width }: PictureShape['image']): number[] {
  const range = (a: number, b: number, size: number): readonly [number, number] => [
    Math.max(0, Math.floor(Math.min(a, b) - radius)),
    Math.min(size - 1, Math.floor(Math.max(a, b) + radius)),
  ];
  const [top, bottom] = range(from.y, to.y, height);
  const [left, right] = range(from.x, to.x, width);
  const pixels: number[] = [];
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const isEnd = [from, to].some((end) => Math.floor(end.x) === x && Math.floor(end.y) === y);
      if (isEnd || distance({ x: x + 0.5, y: y + 0.5 }, from, to) <= radius) pixels.push(y * width + x);
    }
  }
  return pixels;
}

/** Distance of a point from the straight line between two others. */
function distance(point: Point, from: Point, to: Point): number {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const square = dx * dx + dy * dy;
  const along = square === 0 ? 0 : ((point.x - from.x) * dx + (point.y - from.y) * dy) / square;
  const t = Math.min(1, Math.max(0, along));
  return Math.hypot(point.x - from.x - t * dx, point.y - from.y - t * dy);
}
