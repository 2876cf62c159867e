import type { ExportedConditionTokens } from '@vitvq/export';
import { byId } from './dom.js';
import type { GenerationOptions } from './generate.js';
import type { PageDrawing } from './page-content.js';

/** What the settings are at first where no run says it. */
const usual: PageDrawing = { temperature: 1, topK: 100, guidance: 2 };

export interface DrawingSettingsOptions {
  readonly condition: ExportedConditionTokens;
  readonly vocabSize: number;
  /** Whether there is a model that draws in steps. */
  readonly hasSteps: boolean;
  /** What the settings are at first. */
  readonly drawing: PageDrawing | undefined;
}

/** What people choose of how tokens are drawn, for whole images and for parts of them. */
export class DrawingSettings {
  readonly #form = byId('generator', HTMLFormElement);
  readonly #class = byId('class', HTMLSelectElement);
  readonly #seed = byId('seed', HTMLInputElement);
  readonly #temperature = byId('temperature', HTMLInputElement);
  readonly #topK = byId('top-k', HTMLInputElement);
  readonly #guidance = byId('guidance', HTMLInputElement);
  readonly #steps = byId('steps', HTMLInputElement);

  constructor({ condition, vocabSize, hasSteps, drawing = usual }: DrawingSettingsOptions) {
    this.#topK.max = String(vocabSize);
    this.#topK.value = String(Math.min(drawing.topK ?? vocabSize, vocabSize));
    // To the steps of the fields, which refuse anything else.
    this.#temperature.value = rounded(drawing.temperature);
    this.#guidance.value = rounded(drawing.guidance ?? 1);
    const names = classNamesOf(condition.meaning);
    for (const [label, name] of names.entries()) this.#class.append(new Option(name, String(label)));
    this.#class.append(new Option('any', ''));
    for (const id of ['class-field', 'guidance-field']) byId(id, HTMLElement).hidden = names.length === 0;
    byId('steps-field', HTMLElement).hidden = !hasSteps;
  }

  /** What the class is called. */
  get className(): string {
    return this.#class.value === '' ? 'any image' : this.#class.selectedOptions[0]!.text;
  }

  /** False, with the browser's message, where something cannot be. */
  areValid(): boolean {
    return this.#form.reportValidity();
  }

  nextSeed(): void {
    this.#seed.value = String((this.#seed.valueAsNumber || 0) + 1);
  }

  read(): GenerationOptions & { readonly steps: number } {
    const label = this.#class.value;
    return {
      condition: label === '' ? undefined : [Number(label)],
      seed: this.#seed.valueAsNumber,
      temperature: this.#temperature.valueAsNumber,
      topK: this.#topK.valueAsNumber,
      guidance: this.#guidance.valueAsNumber,
      steps: this.#steps.valueAsNumber,
    };
  }
}

/** In hundredths. */
function rounded(value: number): string {
  return String(Math.round(100 * value) / 100);
}

/** None for a model that is told nothing. */
function classNamesOf({ kind, classCount, classNames }: { readonly [key: string]: unknown }): string[] {
  if (kind !== 'class') return [];
  return (
    (classNames as string[] | undefined) ?? Array.from({ length: classCount as number }, (_, label) => `class ${label}`)
  );
}
