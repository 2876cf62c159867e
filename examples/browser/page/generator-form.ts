import { byId } from './dom.js';
import { generate, type GenerationOptions } from './generate.js';
import type { TransformerSession } from './session.js';
import type { Workbench } from './workbench.js';

/** The likeliest so many tokens, at first; the examples draw with it too. */
const TOP_K = 100;

/** What is to be drawn, and drawing it into the workbench token by token. */
export class GeneratorForm {
  readonly #transformer: TransformerSession;
  readonly #workbench: Workbench;
  readonly #class = byId('class', HTMLSelectElement);
  readonly #seed = byId('seed', HTMLInputElement);
  readonly #temperature = byId('temperature', HTMLInputElement);
  readonly #topK = byId('top-k', HTMLInputElement);
  readonly #guidance = byId('guidance', HTMLInputElement);
  readonly #stop = byId('stop', HTMLButtonElement);
  readonly #progress = byId('progress', HTMLProgressElement);
  readonly #onStart: () => void;

  /** @param onStart  told when an image begins */
  constructor(transformer: TransformerSession, workbench: Workbench, onStart: () => void) {
    const { about, condition } = transformer;
    const { vocabSize } = about;
    this.#transformer = transformer;
    this.#workbench = workbench;
    this.#onStart = onStart;
    this.#topK.max = String(vocabSize);
    this.#topK.value = String(Math.min(TOP_K, vocabSize));
    const names = classNamesOf(condition.meaning);
    for (const [label, name] of names.entries()) this.#class.append(new Option(name, String(label)));
    this.#class.append(new Option('any', ''));
    for (const id of ['class-field', 'guidance-field']) byId(id, HTMLElement).hidden = names.length === 0;

    const form = byId('generator', HTMLFormElement);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#run();
    });
    byId('another', HTMLButtonElement).addEventListener('click', () => {
      this.#seed.value = String((this.#seed.valueAsNumber || 0) + 1);
      form.requestSubmit();
    });
    this.#stop.addEventListener('click', () => {
      workbench.stop();
      workbench.say('Stopped.');
    });
  }

  async #run(): Promise<void> {
    const workbench = this.#workbench;
    const { grid, codeDepth } = this.#transformer.about;
    const positions = grid[0] * grid[1];
    const label = this.#class.value;
    const name = label === '' ? 'any image' : this.#class.selectedOptions[0]!.text;
    const options: GenerationOptions = {
      condition: label === '' ? undefined : [Number(label)],
      seed: this.#seed.valueAsNumber,
      temperature: this.#temperature.valueAsNumber,
      topK: this.#topK.valueAsNumber,
      guidance: this.#guidance.valueAsNumber,
    };

    const signal = workbench.begin();
    this.#onStart();
    this.#setRunning(true);
    // At once, also when another image begins: that one may be generated too.
    signal.addEventListener('abort', () => this.#setRunning(false));
    this.#progress.max = positions;
    this.#progress.value = 0;
    workbench.say(`Generating: ${name} …`);
    let tokens: readonly number[] = [];
    for await (tokens of generate(this.#transformer, options)) {
      if (signal.aborted) break;
      const count = tokens.length / codeDepth;
      this.#progress.value = count;
      await workbench.showPartial(tokens);
      await nextFrame();
      // Often enough to know that it goes on, seldom enough to listen to.
      if (count < positions && count % Math.ceil(positions / 4) === 0)
        workbench.say(`${count} of ${positions} positions`);
    }
    if (signal.aborted) return;
    this.#setRunning(false);
    await workbench.openGenerated(tokens, name);
  }

  #setRunning(isRunning: boolean): void {
    this.#stop.disabled = !isRunning;
    this.#progress.hidden = !isRunning;
  }
}

/** None for a model that is told nothing. */
function classNamesOf({ kind, classCount, classNames }: { readonly [key: string]: unknown }): string[] {
  if (kind !== 'class') return [];
  return (
    (classNames as string[] | undefined) ?? Array.from({ length: classCount as number }, (_, label) => `class ${label}`)
  );
}

/** Every token is seen, also where drawing one takes no time; a page that is hidden waits. */
function nextFrame(): Promise<number> {
  return new Promise((resolve) => requestAnimationFrame(resolve));
}
