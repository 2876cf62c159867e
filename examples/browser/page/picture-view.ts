import type { ExportedTokenizer } from '@vitvq/export';
import { create } from './dom.js';
import { toImageData } from './image.js';

/**
 * A picture, an outline around what one token stands for, and a veil over what is not drawn yet.
 */
export class PictureView {
  readonly canvas: HTMLCanvasElement;
  readonly #about: ExportedTokenizer;
  readonly #outline = create('div', { class: 'outline', hidden: '' });
  /** The rest of a row, and all rows below. */
  readonly #veils = [create('div', { class: 'veil' }), create('div', { class: 'veil' })] as const;

  /**
   * @param frame an empty element, which gets the shape of the picture
   * @param name for those who do not see it
   */
  constructor(frame: HTMLElement, about: ExportedTokenizer, name: string) {
    const { width, height } = about.image;
    this.#about = about;
    this.canvas = create('canvas', { width: String(width), height: String(height), role: 'img', 'aria-label': name });
    frame.style.aspectRatio = `${width} / ${height}`;
    frame.append(this.canvas, ...this.#veils, this.#outline);
    this.clear();
  }

  /** @param known  positions from the first on that are drawn; the others are veiled */
  draw(pixels: Float32Array, known = Infinity): void {
    const { grid, image } = this.#about;
    const [rows, columns] = grid;
    this.canvas.getContext('2d')!.putImageData(toImageData(pixels, image), 0, 0);
    const [row, column] = [Math.min(rows, Math.floor(known / columns)), known % columns];
    const isPartial = column > 0 && row < rows;
    this.#place(this.#veils[0], isPartial ? { row, column, height: 1, width: columns - column } : undefined);
    const below = row + (isPartial ? 1 : 0);
    const rest = { row: below, column: 0, height: rows - below, width: columns };
    this.#place(this.#veils[1], below < rows ? rest : undefined);
  }

  /** Nothing is there. */
  clear(): void {
    const { width, height } = this.canvas;
    this.canvas.getContext('2d')!.clearRect(0, 0, width, height);
    const [rows, columns] = this.#about.grid;
    this.#place(this.#veils[0], undefined);
    this.#place(this.#veils[1], { row: 0, column: 0, height: rows, width: columns });
  }

  /** @param position  of the token, undefined for none */
  outline(position: number | undefined): void {
    const columns = this.#about.grid[1];
    const place =
      position === undefined ? undefined : { row: Math.floor(position / columns), column: position % columns };
    this.#place(this.#outline, place && { ...place, height: 1, width: 1 });
  }

  #place(
    element: HTMLElement,
    place: { row: number; column: number; height: number; width: number } | undefined,
  ): void {
    element.hidden = !place;
    if (!place) return;
    const [rows, columns] = this.#about.grid;
    const percent = (fraction: number): string => `${100 * fraction}%`;
    element.style.top = percent(place.row / rows);
    element.style.left = percent(place.column / columns);
    element.style.height = percent(place.height / rows);
    element.style.width = percent(place.width / columns);
  }
}
