import type { ExportedTokenizer } from '@vitvq/export';
import type { Point } from './brush-mask.js';
import { byId } from './dom.js';
import { EditedTokens } from './edited-tokens.js';
import { psnr, withUnchanged } from './image.js';
import { unknownPositions, type PartialImage } from './partial-tokens.js';
import { PictureView } from './picture-view.js';
import type { TokenizerSession } from './session.js';
import { TokenGrid } from './token-grid.js';

/** What paints over tokens that are to be made anew. */
export interface Painter {
  /** A straight part of a line that is drawn on a picture. */
  stroke(from: Point, to: Point): void;
  strokeEnds(): void;
  /** Paints over one token, or takes the paint away. */
  toggle(position: number): void;
  clear(): void;
  /** Told whether there is a whole image, which nothing else changes. */
  setEnabled(isEnabled: boolean): void;
}

/** An original, its tokens, what is decoded of them, and everything that can be done to a token. */
export class Workbench {
  readonly #tokenizer: TokenizerSession;
  readonly #tokens: EditedTokens;
  readonly #grid: TokenGrid;
  readonly #original: PictureView;
  readonly #decoded: PictureView;
  readonly #inspector = byId('inspector', HTMLFieldSetElement);
  readonly #level = byId('level', HTMLSelectElement);
  readonly #code = byId('code', HTMLInputElement);
  readonly #swap = byId('swap', HTMLButtonElement);
  readonly #undo = byId('undo', HTMLButtonElement);
  readonly #reset = byId('reset', HTMLButtonElement);
  /** Undefined where an image was generated. */
  #pixels: Float32Array | undefined;
  /** The first of two tokens to be swapped. */
  #marked: number | undefined;
  #painter: Painter | undefined;
  #painted: ReadonlySet<number> = new Set();
  /** Whether pixels of the original stay where no token has changed. */
  #keepsOriginal = false;
  /** Ends what is still under way for an earlier image. */
  #work = new AbortController();

  constructor(tokenizer: TokenizerSession, codeColors: readonly string[]) {
    const { about } = tokenizer;
    const { codeDepth, vocabSize, grid } = about;
    this.#tokenizer = tokenizer;
    this.#tokens = new EditedTokens(codeDepth);
    this.#original = new PictureView(byId('original', HTMLElement), about, 'Original picture');
    this.#decoded = new PictureView(byId('decoded', HTMLElement), about, 'Picture decoded from the tokens');
    this.#grid = new TokenGrid(byId('grid', HTMLElement), {
      grid,
      codeColors,
      onSelect: () => this.#showToken(),
      onClick: () => this.#swapWithMarked(),
      onKey: (event) => this.#handleKey(event),
    });
    this.#code.max = String(vocabSize - 1);
    byId('level-field', HTMLElement).hidden = codeDepth === 1;
    for (let level = 1; level <= codeDepth; level++)
      this.#level.append(new Option(`${level} of ${codeDepth}`, String(level - 1)));
    this.#listen();
    this.#showToken();
  }

  get about(): ExportedTokenizer {
    return this.#tokenizer.about;
  }

  /** All tokens as they are now. Do not change. */
  get tokens(): Int32Array {
    return this.#tokens.current;
  }

  /** Lets a painter paint over the pictures and the tokens. */
  attach(painter: Painter): void {
    this.#painter = painter;
    for (const view of [this.#original, this.#decoded]) {
      view.onPaint(
        (from, to) => painter.stroke(from, to),
        () => painter.strokeEnds(),
      );
    }
  }

  /** A picture `[H, W, 3]`: takes it apart and puts it together. */
  async openPicture(pixels: Float32Array, name: string): Promise<void> {
    const signal = this.begin();
    this.#painter?.clear();
    this.#pixels = pixels;
    this.#original.draw(pixels);
    byId('original-caption', HTMLElement).textContent = `Original: ${name}`;
    const tokens = await this.#tokenizer.encode(pixels);
    if (!signal.aborted) await this.#openTokens(tokens, name);
  }

  /**
   * An image that is about to be drawn token by token; whatever was under way ends. Aborted when
   * something else begins.
   */
  begin(): AbortSignal {
    this.#work.abort();
    this.#work = new AbortController();
    this.#setMark(undefined);
    this.#setEditable(false);
    return this.#work.signal;
  }

  /** Ends what is under way. */
  stop(): void {
    this.#work.abort();
  }

  /** An image in the making, which has no original. */
  async showPartial(partial: PartialImage): Promise<void> {
    this.#painter?.clear();
    this.#pixels = undefined;
    this.#tokens.load(partial.tokens);
    this.#original.clear();
    byId('original-caption', HTMLElement).textContent = 'No original: this one is generated';
    byId('decoded-caption', HTMLElement).textContent = 'Decoded so far';
    this.#showToken();
    await this.#drawPartial(partial);
  }

  /** The image with a part in the making; its tokens stay as they are until this part is there. */
  async showFilling(partial: PartialImage): Promise<void> {
    byId('decoded-caption', HTMLElement).textContent = 'Painted so far';
    await this.#drawPartial(partial);
  }

  /** Tokens that take the place of all, which can be undone. */
  async replaceTokens(tokens: Int32Array, text: string): Promise<void> {
    this.#tokens.replace(tokens);
    await this.resume(text);
  }

  /** Shows the tokens as they are, after something that was stopped, and lets people go on. */
  async resume(text: string): Promise<void> {
    this.begin();
    this.#setEditable(true);
    await this.#showEdited(text);
  }

  /** What is painted over; the decoded picture may be left without the paint. */
  showPainted(painted: ReadonlySet<number>, { onDecoded = true }: { readonly onDecoded?: boolean } = {}): void {
    this.#painted = painted;
    this.#original.paint(painted);
    this.#decoded.paint(onDecoded ? painted : []);
    this.#showTokens();
  }

  /** Whether pixels of the original stay where no token has changed. */
  keepOriginal(keeps: boolean): void {
    this.#keepsOriginal = keeps;
    void this.#showEdited(keeps ? 'Pixels of the original stay where no token has changed' : 'All pixels are decoded');
  }

  /** Tokens of an image without an original, which can be edited now. */
  async openGenerated(tokens: Int32Array, name: string): Promise<void> {
    await this.#openTokens(tokens, `Generated: ${name}. It can be edited now`);
  }

  /** Tells people what happened. */
  say(text: string): void {
    byId('status', HTMLElement).textContent = text;
  }

  async #openTokens(tokens: Iterable<number>, text: string): Promise<void> {
    this.#tokens.load(tokens);
    this.#setEditable(true);
    await this.#showEdited(text);
  }

  #setEditable(isEditable: boolean): void {
    this.#inspector.disabled = !isEditable;
    this.#painter?.setEnabled(isEditable);
  }

  async #drawPartial({ tokens, guess }: PartialImage): Promise<void> {
    const { signal } = this.#work;
    this.#showTokens(tokens);
    const pixels = await this.#tokenizer.decode(guess);
    if (!signal.aborted) this.#decoded.draw(pixels, unknownPositions(tokens, this.#tokens.codeDepth));
  }

  #listen(): void {
    const code = this.#code;
    code.addEventListener('change', () => void this.#enter());
    code.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.#showToken();
      if (event.key !== 'Escape' && event.key !== 'Enter') return;
      event.preventDefault();
      if (event.key === 'Enter' && !this.#enter()) return;
      this.#grid.select(this.#grid.selected, { focus: true });
    });
    this.#level.addEventListener('change', () => {
      this.#showTokens();
      this.#showToken();
    });
    const onClick = (id: string, action: () => void): void =>
      byId(id, HTMLButtonElement).addEventListener('click', action);
    onClick('previous', () => this.#stepCode(-1));
    onClick('next', () => this.#stepCode(1));
    onClick('swap', () => this.#toggleMark());
    onClick('undo', () => this.#undoChange());
    onClick('reset', () => {
      this.#tokens.reset();
      void this.#showEdited('All tokens are as they came');
    });
  }

  #handleKey({ key, ctrlKey }: KeyboardEvent): boolean {
    if (this.#inspector.disabled) return false;
    if (ctrlKey) {
      if (key !== 'z') return false;
      this.#undoChange();
    } else if (/^\d$/.test(key) || (key === 'Enter' && this.#marked === undefined)) {
      this.#code.focus();
      this.#code.select();
      return key === 'Enter'; // A digit goes on to the field, in the place of what is there.
    } else if (key === 'Enter') {
      this.#swapWithMarked();
    } else if (key === '+' || key === '=') {
      this.#stepCode(1);
    } else if (key === '-') {
      this.#stepCode(-1);
    } else if (key === 'p' && this.#painter) {
      this.#painter.toggle(this.#grid.selected);
    } else if (key === 's' || (key === 'Escape' && this.#marked !== undefined)) {
      this.#toggleMark();
    } else {
      return false;
    }
    return true;
  }

  /**
   * Takes the code that was typed; false, with the browser's message, where there is no such code.
   */
  #enter(): boolean {
    if (!this.#code.reportValidity()) return false;
    this.#setCode(this.#code.valueAsNumber);
    return true;
  }

  #stepCode(by: number): void {
    const { vocabSize } = this.#tokenizer.about;
    this.#setCode((this.#currentCode()! + by + vocabSize) % vocabSize);
  }

  #setCode(code: number): void {
    if (code === this.#currentCode()) return;
    this.#tokens.set(this.#grid.selected, this.#level.selectedIndex, code);
    void this.#showEdited(`${this.#placeName()} is now code ${code}`);
  }

  #undoChange(): void {
    if (!this.#tokens.canUndo) return;
    this.#tokens.undo();
    void this.#showEdited('Undone');
  }

  /** Marks the current token as the first of two to be swapped, or takes the mark away. */
  #toggleMark(): void {
    const isMarking = this.#marked === undefined;
    this.#setMark(isMarking ? this.#grid.selected : undefined);
    this.#grid.select(this.#grid.selected, { focus: true });
    const text = `${this.#placeName()} is marked: Enter or a click on another token swaps both, Escape swaps nothing.`;
    this.say(isMarking ? text : 'Nothing is swapped.');
  }

  #setMark(position: number | undefined): void {
    this.#marked = position;
    this.#swap.setAttribute('aria-pressed', String(position !== undefined));
    this.#showTokens();
  }

  /** Swaps the current token with the marked one, if there is one. */
  #swapWithMarked(): void {
    const [first, other] = [this.#marked, this.#grid.selected];
    if (first === undefined || first === other) return;
    this.#setMark(undefined);
    this.#tokens.swap(first, other);
    void this.#showEdited(`Swapped ${this.#grid.place(first)} with ${this.#grid.place(other)}`);
  }

  /** Shows the tokens, and what they decode to. */
  async #showEdited(text: string): Promise<void> {
    const signal = this.#work.signal;
    const tokens = this.#tokens.current;
    this.#showTokens();
    this.#showToken();
    const decoded = await this.#tokenizer.decode(tokens);
    if (signal.aborted || tokens !== this.#tokens.current) return;
    const pixels =
      this.#pixels && this.#keepsOriginal
        ? withUnchanged(decoded, this.#pixels, this.about, (position) => this.#tokens.isChangedAt(position))
        : decoded;
    this.#decoded.draw(pixels);
    const quality = this.#pixels && `${psnr(this.#pixels, pixels).toFixed(1)} dB PSNR`;
    byId('decoded-caption', HTMLElement).textContent = quality === undefined ? 'Decoded' : `Decoded, ${quality}`;
    this.say(quality === undefined ? `${text}.` : `${text}. ${quality}.`);
  }

  #showTokens(shown = this.#tokens.current): void {
    const { codeDepth } = this.#tokens;
    const ofLevel = (tokens: Int32Array): number[] =>
      [...tokens].filter((_, index) => index % codeDepth === this.#level.selectedIndex);
    this.#grid.render({
      codes: ofLevel(shown),
      original: ofLevel(this.#tokens.original),
      marked: this.#marked,
      painted: this.#painted,
    });
    this.#undo.disabled = !this.#tokens.canUndo;
    this.#reset.disabled = !this.#tokens.isChanged;
  }

  /** Shows which token is the current one, here and in the pictures. */
  #showToken(): void {
    const { selected } = this.#grid;
    byId('place', HTMLElement).textContent = this.#placeName();
    const code = this.#currentCode();
    this.#code.value = code === undefined || code === -1 ? '' : String(code);
    const isEditable = !this.#inspector.disabled;
    this.#original.outline(isEditable && this.#pixels ? selected : undefined);
    this.#decoded.outline(isEditable ? selected : undefined);
  }

  #currentCode(): number | undefined {
    return this.#tokens.current[this.#grid.selected * this.#tokens.codeDepth + this.#level.selectedIndex];
  }

  #placeName(): string {
    const place = this.#grid.place(this.#grid.selected);
    return place[0]!.toUpperCase() + place.slice(1);
  }
}
