import { byId, nextFrame } from './dom.js';
import type { DrawingSettings } from './drawing-settings.js';
import { unknownPositions, type PartialImage } from './partial-tokens.js';
import type { Workbench } from './workbench.js';

/** What a page draws whole images with. */
export interface Generator {
  readonly about: { readonly grid: readonly [number, number]; readonly codeDepth: number };
  /** Yields an image as it comes into being. */
  draw(options: ReturnType<DrawingSettings['read']>): AsyncGenerator<PartialImage, void, undefined>;
}

/** What is to be drawn, and drawing it into the workbench token by token. */
export class GeneratorForm {
  readonly #generator: Generator;
  readonly #settings: DrawingSettings;
  readonly #workbench: Workbench;
  readonly #stop = byId('stop', HTMLButtonElement);
  readonly #progress = byId('progress', HTMLProgressElement);
  readonly #onStart: () => void;

  /** @param onStart  told when an image begins */
  constructor(generator: Generator, settings: DrawingSettings, workbench: Workbench, onStart: () => void) {
    this.#generator = generator;
    this.#settings = settings;
    this.#workbench = workbench;
    this.#onStart = onStart;
    const form = byId('generator', HTMLFormElement);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#run();
    });
    byId('another', HTMLButtonElement).addEventListener('click', () => {
      settings.nextSeed();
      form.requestSubmit();
    });
    this.#stop.addEventListener('click', () => {
      workbench.stop();
      workbench.say('Stopped.');
    });
  }

  async #run(): Promise<void> {
    const workbench = this.#workbench;
    const { grid, codeDepth } = this.#generator.about;
    const positions = grid[0] * grid[1];
    const name = this.#settings.className;
    const options = this.#settings.read();

    const signal = workbench.begin();
    this.#onStart();
    this.#setRunning(true);
    // At once, also when another image begins: that one may be generated too.
    signal.addEventListener('abort', () => this.#setRunning(false));
    this.#progress.max = positions;
    this.#progress.value = 0;
    workbench.say(`Generating: ${name} …`);
    let quarters = 0;
    let last: PartialImage | undefined;
    for await (last of this.#generator.draw(options)) {
      if (signal.aborted) break;
      const count = positions - unknownPositions(last.tokens, codeDepth).length;
      this.#progress.value = count;
      await workbench.showPartial(last);
      await nextFrame();
      // Often enough to know that it goes on, seldom enough to listen to.
      const reached = Math.floor((4 * count) / positions);
      if (reached > quarters && count < positions) workbench.say(`${count} of ${positions} positions`);
      quarters = reached;
    }
    if (signal.aborted) return;
    this.#setRunning(false);
    await workbench.openGenerated(last!.tokens, name);
  }

  #setRunning(isRunning: boolean): void {
    this.#stop.disabled = !isRunning;
    this.#progress.hidden = !isRunning;
  }
}
