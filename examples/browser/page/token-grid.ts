import { create } from './dom.js';

export interface TokenGridOptions {
  readonly grid: readonly [number, number];
  /** `#rrggbb` of each code. */
  readonly codeColors: readonly string[];
  /** Another token became the current one. */
  readonly onSelect: (position: number) => void;
  /** A token was clicked; it is the current one already. */
  readonly onClick: (position: number) => void;
  /** Any other key on the current token; true if that is all that the key is to do. */
  readonly onKey: (event: KeyboardEvent) => boolean;
}

/** What one level of the tokens is to look like. */
export interface ShownTokens {
  /** One a position; -1 of those that are not known, or fewer. */
  readonly codes: readonly number[];
  /** What they were at first. */
  readonly original: readonly number[];
  /** The first of two to be swapped. */
  readonly marked: number | undefined;
  /** Those that are to be made anew. */
  readonly painted: ReadonlySet<number>;
}

/**
 * Tokens as a grid of numbers on their codes' colours. One of them is current and can be reached by
 * Tab; arrows, Home and End (with Ctrl: of the whole grid) go to the others, as the ARIA Authoring
 * Practices have it.
 */
export class TokenGrid {
  #selected = 0;
  readonly #cells: readonly HTMLElement[];
  readonly #options: TokenGridOptions;

  /** @param host  an empty element, which becomes the grid; it has its name already */
  constructor(host: HTMLElement, options: TokenGridOptions) {
    const [rows, columns] = options.grid;
    this.#options = options;
    host.setAttribute('role', 'grid');
    host.style.setProperty('--columns', String(columns));
    const cells: HTMLElement[] = [];
    for (let row = 0; row < rows; row++) {
      const line = create('div', { role: 'row' });
      for (let column = 0; column < columns; column++) {
        const position = row * columns + column;
        const isFirst = position === 0;
        const cell = create('div', {
          role: 'gridcell',
          tabindex: isFirst ? '0' : '-1',
          'aria-selected': String(isFirst),
        });
        cell.addEventListener('click', () => {
          this.select(position, { focus: true });
          options.onClick(position);
        });
        cell.addEventListener('focus', () => this.select(position));
        cell.addEventListener('keydown', (event) => this.#handleKey(event));
        line.append(cell);
        cells.push(cell);
      }
      host.append(line);
    }
    this.#cells = cells;
    this.render({ codes: [], original: [], marked: undefined, painted: new Set() });
  }

  /** Position of the current token. */
  get selected(): number {
    return this.#selected;
  }

  select(position: number, { focus = false }: { readonly focus?: boolean } = {}): void {
    const [before, now] = [this.#cells[this.#selected]!, this.#cells[position]!];
    if (position !== this.#selected) {
      this.#selected = position;
      before.setAttribute('aria-selected', 'false');
      before.tabIndex = -1;
      now.setAttribute('aria-selected', 'true');
      now.tabIndex = 0;
      this.#options.onSelect(position);
    }
    if (focus) now.focus();
  }

  render({ codes, original, marked, painted }: ShownTokens): void {
    for (const [position, cell] of this.#cells.entries()) {
      const code = codes[position] === -1 ? undefined : codes[position];
      const was = original[position];
      const isChanged = code !== undefined && was !== undefined && code !== was;
      const color = code === undefined ? undefined : this.#options.codeColors[code];
      cell.textContent = code === undefined ? '' : String(code);
      cell.style.backgroundColor = color ?? '';
      cell.style.color = color === undefined ? '' : inkOn(color);
      cell.classList.toggle('changed', isChanged);
      cell.classList.toggle('marked', position === marked);
      cell.classList.toggle('painted', painted.has(position));
      const parts = [
        this.place(position),
        code === undefined ? 'not drawn yet' : `code ${code}`,
        ...(isChanged ? [`was ${was}`] : []),
        ...(position === marked ? ['to be swapped'] : []),
        ...(painted.has(position) ? ['painted over'] : []),
      ];
      cell.setAttribute('aria-label', parts.join(', '));
    }
  }

  /** `row 3, column 2`, counted from 1. */
  place(position: number): string {
    const columns = this.#options.grid[1];
    return `row ${Math.floor(position / columns) + 1}, column ${(position % columns) + 1}`;
  }

  #handleKey(event: KeyboardEvent): void {
    if (event.altKey || event.metaKey) return;
    const [rows, columns] = this.#options.grid;
    const [row, column] = [Math.floor(this.#selected / columns), this.#selected % columns];
    const targets: Record<string, readonly [number, number]> = {
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      Home: [event.ctrlKey ? 0 : row, 0],
      End: [event.ctrlKey ? rows - 1 : row, columns - 1],
    };
    const target = targets[event.key];
    if (target) {
      const [y, x] = target;
      if (y >= 0 && y < rows && x >= 0 && x < columns) this.select(y * columns + x, { focus: true });
      event.preventDefault();
    } else if (this.#options.onKey(event)) {
      event.preventDefault();
    }
  }
}

/**
 * Black or white, whichever is easier to read: at this luminance both have a contrast of 4.58 (WCAG
 * 2.2).
 */
function inkOn(color: string): string {
  const [red, green, blue] = [1, 3, 5].map((start) => {
    const value = parseInt(color.slice(start, start + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? '#000' : '#fff';
}
