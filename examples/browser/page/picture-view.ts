import type { ExportedTokenizer } from '@vitvq/export';
import type { Point } from './brush-mask.js';
import { create } from './dom.js';
import { toImageData } from './image.js';

/**
 * A picture, an outline around what one token stands for, a veil over what is not drawn yet, and
 * paint over what is to be made anew.
 */
export class PictureView {
  readonly canvas: HTMLCanvasElement;
  readonly #about: ExportedTokenizer;
  readonly #outline = create('div', { class: 'outline', hidden: '' });
  readonly #veil = create('div', { class: 'veil' });
  readonly #paint = create('div', { class: 'paint', hidden: '' });

  /**
   * @param frame an empty element, which gets the shape of the picture
   * @param name for those who do not see it
   */
  constructor(frame: HTMLElement, about: ExportedTokenizer, name: string) {
    const { width, height } = about.image;
    this.#about = about;
    this.canvas = create('canvas', { width: String(width), height: String(height), role: 'img', 'aria-label': name });
    frame.style.aspectRatio = `${width} / ${height}`;
    frame.append(this.canvas, this.#veil, this.#paint, this.#outline);
    this.clear();
  }

  /** @param unknown  positions that are not drawn yet, which are veiled */
  draw(pixels: Float32Array, unknown: Iterable<number> = []): void {
    this.canvas.getContext('2d')!.putImageData(toImageData(pixels, this.#about.image), 0, 0);
    this.#cover(this.#veil, unknown);
  }

  /** Nothing is there. */
  clear(): void {
    const { width, height } = this.canvas;
    this.canvas.getContext('2d')!.clearRect(0, 0, width, height);
    const [rows, columns] = this.#about.grid;
    this.#cover(this.#veil, new Array(rows * columns).keys());
  }

  /** @param positions  of the tokens that are painted over */
  paint(positions: Iterable<number>): void {
    this.#cover(this.#paint, positions);
  }

  /** @param position  of the token, undefined for none */
  outline(position: number | undefined): void {
    const element = this.#outline;
    element.hidden = position === undefined;
    if (position === undefined) return;
    const { top, left, bottom, right } = this.#edges(position);
    Object.assign(element.style, {
      top: `${top}%`,
      left: `${left}%`,
      height: `${bottom - top}%`,
      width: `${right - left}%`,
    });
  }

  /**
   * Lets a pointer draw on the picture.
   * @param onStroke  told each straight part of a line, at first one from a point to itself
   */
  onPaint(onStroke: (from: Point, to: Point) => void, onEnd: () => void): void {
    const { canvas } = this;
    canvas.classList.add('paintable');
    let last: Point | undefined;
    const strokeTo = (event: PointerEvent): void => {
      const box = canvas.getBoundingClientRect();
      const point = {
        x: ((event.clientX - box.left) / box.width) * canvas.width,
        y: ((event.clientY - box.top) / box.height) * canvas.height,
      };
      onStroke(last ?? point, point);
      last = point;
    };
    canvas.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      strokeTo(event);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (last) strokeTo(event);
    });
    canvas.addEventListener('lostpointercapture', () => {
      last = undefined;
      onEnd();
    });
  }

  /** Shows of an element that fills the frame what lies over some tokens. */
  #cover(element: HTMLElement, positions: Iterable<number>): void {
    const points = [...positions].flatMap((position) => {
      const { top, left, bottom, right } = this.#edges(position);
      // To the patch, around it and back: the way there and back encloses nothing.
      return [
        '0 0',
        ...[
          [left, top],
          [right, top],
          [right, bottom],
          [left, bottom],
          [left, top],
        ].map(percents),
        '0 0',
      ];
    });
    element.hidden = points.length === 0;
    element.style.clipPath = `polygon(${points.join(', ')})`;
  }

  /** Where the patch of a token lies, in percent. */
  #edges(position: number): { top: number; left: number; bottom: number; right: number } {
    const [rows, columns] = this.#about.grid;
    const [row, column] = [Math.floor(position / columns), position % columns];
    const of = (part: number, all: number): number => (100 * part) / all;
    return { top: of(row, rows), left: of(column, columns), bottom: of(row + 1, rows), right: of(column + 1, columns) };
  }
}

function percents(values: readonly number[]): string {
  return values.map((value) => `${value}%`).join(' ');
}
