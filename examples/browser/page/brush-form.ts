import { BrushMask, type Point } from './brush-mask.js';
import { byId, nextFrame } from './dom.js';
import type { DrawingSettings } from './drawing-settings.js';
import { fillIn } from './fill-in.js';
import { unknownPositions } from './partial-tokens.js';
import type { MaskedSession } from './session.js';
import type { Painter, Workbench } from './workbench.js';

/** Painting over a part of a picture, and having a masked model make this part anew. */
export class BrushForm implements Painter {
  readonly #masked: MaskedSession;
  readonly #settings: DrawingSettings;
  readonly #workbench: Workbench;
  readonly #mask: BrushMask;
  readonly #tools = byId('brush-tools', HTMLFieldSetElement);
  readonly #size = byId('brush-size', HTMLSelectElement);
  readonly #eraser = byId('eraser', HTMLButtonElement);
  readonly #clear = byId('clear-brush', HTMLButtonElement);
  readonly #stop = byId('stop-painting', HTMLButtonElement);
  readonly #progress = byId('brush-progress', HTMLProgressElement);
  /** Size of a patch in pixels. */
  readonly #patch: number;

  constructor(masked: MaskedSession, settings: DrawingSettings, workbench: Workbench) {
    const { grid, image } = workbench.about;
    this.#masked = masked;
    this.#settings = settings;
    this.#workbench = workbench;
    this.#mask = new BrushMask({ grid, image });
    this.#patch = Math.max(image.height / grid[0], image.width / grid[1]);
    workbench.attach(this);
    const form = byId('brush', HTMLFormElement);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#run();
    });
    byId('another-try', HTMLButtonElement).addEventListener('click', () => {
      settings.nextSeed();
      form.requestSubmit();
    });
    this.#eraser.addEventListener('click', () => this.#eraser.setAttribute('aria-pressed', String(!this.#isErasing)));
    this.#clear.addEventListener('click', () => {
      this.clear();
      workbench.say('Nothing is painted over.');
    });
    this.#stop.addEventListener('click', () => {
      workbench.stop();
      void workbench.resume('Stopped');
    });
    const keep = byId('keep', HTMLInputElement);
    keep.addEventListener('change', () => workbench.keepOriginal(keep.checked));
    this.#show();
  }

  stroke(from: Point, to: Point): void {
    if (this.#tools.disabled) return;
    const stroke = { from, to, radius: (Number(this.#size.value) * this.#patch) / 2 };
    if (this.#isErasing) this.#mask.erase(stroke);
    else this.#mask.paint(stroke);
    this.#show();
  }

  strokeEnds(): void {
    if (!this.#tools.disabled) this.#workbench.say(this.#count);
  }

  toggle(position: number): void {
    this.#mask.toggle(position);
    this.#show();
    this.#workbench.say(this.#count);
  }

  clear(): void {
    this.#mask.clear();
    this.#show();
  }

  setEnabled(isEnabled: boolean): void {
    this.#tools.disabled = !isEnabled;
  }

  get #isErasing(): boolean {
    return this.#eraser.getAttribute('aria-pressed') === 'true';
  }

  get #count(): string {
    const count = this.#mask.painted.size;
    return count === 1 ? '1 token is painted over.' : `${count} tokens are painted over.`;
  }

  #show(): void {
    this.#clear.disabled = this.#mask.painted.size === 0;
    this.#workbench.showPainted(this.#mask.painted);
  }

  async #run(): Promise<void> {
    const workbench = this.#workbench;
    const painted = [...this.#mask.painted];
    if (painted.length === 0) {
      workbench.say('Nothing is painted over: paint over a picture, or press P on a token.');
      return;
    }
    if (!this.#settings.areValid()) return;
    const tokens = workbench.tokens.slice();
    for (const position of painted) tokens[position] = -1;

    const signal = workbench.begin();
    this.#setRunning(true);
    signal.addEventListener('abort', () => this.#setRunning(false));
    // Paint would hide what comes.
    workbench.showPainted(this.#mask.painted, { onDecoded: false });
    this.#progress.max = painted.length;
    this.#progress.value = 0;
    workbench.say(`Painting anew: ${this.#settings.className} …`);
    let filled: Int32Array = tokens;
    for await (const partial of fillIn(this.#masked, { ...this.#settings.read(), tokens })) {
      if (signal.aborted) return;
      filled = partial.tokens;
      this.#progress.value = painted.length - unknownPositions(filled, 1).length;
      await workbench.showFilling(partial);
      await nextFrame();
    }
    if (signal.aborted) return;
    this.#setRunning(false);
    const count = painted.length === 1 ? '1 token is' : `${painted.length} tokens are`;
    await workbench.replaceTokens(filled, `${count} painted anew: ${this.#settings.className}`);
  }

  #setRunning(isRunning: boolean): void {
    this.#stop.disabled = !isRunning;
    this.#progress.hidden = !isRunning;
  }
}
