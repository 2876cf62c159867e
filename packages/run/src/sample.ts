import { join } from 'node:path';
import { ConfigError, imageGrid, toRgbImages } from '@vitvq/core';
import { writeJson } from '@vitvq/files';
import { writePng } from '@vitvq/report';
import { ClassConditioner, TextConditioner, type Conditioner } from '@vitvq/transformers';
import { CountProgress } from './count-progress.js';
import { generateImages, type DrawnImages } from './generate-images.js';
import { loadBoth, loadRunTokenizer, loadRunTransformer, openRun } from './open-run.js';
import { silentView, type RunView } from './run-progress.js';
import { writePictures } from './write-pictures.js';

/** Options of {@link sample}. */
export interface SampleOptions extends Partial<
  Pick<DrawnImages, 'guidanceScale' | 'topK' | 'topP' | 'temperature' | 'signal'>
> {
  /** Run with a tokenizer and a transformer, see `openRun`. */
  readonly run: string;
  /** Number of images. */
  readonly count: number;
  /** Folder for the PNG files. */
  readonly out: string;
  /**
   * Names or numbers of classes, in turn: image i is of class i, and of the first class again when
   * all had theirs. @default every class of the model
   */
  readonly classes?: readonly string[];
  /** Texts, in turn; needed for a model of texts. @default none */
  readonly prompts?: readonly string[];
  /** Of the first image; the next image has the next one. @default 0 */
  readonly seed?: number;
  readonly view?: RunView;
}

/** An image that {@link sample} wrote. */
export interface SampledImage {
  readonly file: string;
  readonly seed: number;
  /** Name of the class; absent for a model without classes. */
  readonly class?: string;
  /** Text; absent for a model without texts. */
  readonly prompt?: string;
}

/** What {@link sample} wrote. */
export interface SampledImages {
  readonly images: readonly SampledImage[];
  /** All images in one picture. */
  readonly grid: string;
}

/**
 * Draws images with the models of a run and writes them as PNG files, with `grid.png`, all of them
 * in one picture, and `samples.json`, which says how each was drawn. What is not given is as the
 * config of the run has it under `samples`. The current engine computes.
 * @throws {ConfigError} for a class that the model does not know, naming those that it knows
 */
export async function sample(options: SampleOptions): Promise<SampledImages> {
  const { count, out, seed = 0, view = silentView, signal } = options;
  const run = await openRun(options.run);
  const { samples } = run.config ?? {};
  const choices = {
    guidanceScale: options.guidanceScale ?? samples?.guidanceScale ?? null,
    topK: options.topK ?? samples?.topK ?? null,
    topP: options.topP ?? samples?.topP ?? null,
    temperature: options.temperature ?? samples?.temperature ?? 1,
  };
  const models = await loadBoth(
    () => loadRunTokenizer(run),
    () => loadRunTransformer(run),
  );
  const { tokenizer, model, conditioner } = models;
  const progress = new CountProgress(view.openProgress({ show: [], signal }), count);
  try {
    const classes = classesOf(conditioner, options.classes, count);
    const prompts = promptsOf(conditioner, options.prompts, count);
    const seeds = Array.from({ length: count }, (_, index) => seed + index);
    const { images } = await generateImages(
      { tokenizer, model, conditioner },
      { ...choices, classes, prompts, seeds, signal, onProgress: (done) => progress.update(done) },
    );
    const digits = String(count - 1).length;
    const names = seeds.map((_, index) => String(index).padStart(digits, '0'));
    const files = await writePictures(out, images, names);
    const classNames = conditioner instanceof ClassConditioner ? namesOfClasses(conditioner) : [];
    const written = files.map((file, index) => ({
      file,
      seed: seeds[index]!,
      ...(classes && { class: classNames[classes[index]!]! }),
      ...(prompts && { prompt: prompts[index]! }),
    }));
    const grid = join(out, 'grid.png');
    await writePng(grid, imageGrid(toRgbImages(images), { columnGap: 2, rowGap: 2 }));
    await writeJson(join(out, 'samples.json'), { run: options.run, ...choices, images: written });
    return { images: written, grid };
  } finally {
    progress.stop();
    models.dispose();
  }
}

function namesOfClasses({ classCount, classNames }: ClassConditioner): readonly string[] {
  return classNames ?? Array.from({ length: classCount }, (_, index) => String(index));
}

/** @throws {ConfigError} */
function promptsOf(
  conditioner: Conditioner,
  asked: readonly string[] | undefined,
  count: number,
): string[] | undefined {
  if (conditioner instanceof TextConditioner !== (asked !== undefined)) {
    throw new ConfigError({
      where: 'prompts',
      expected: asked === undefined ? 'a text: the model draws what texts say' : 'none: the model is not one of texts',
      got: asked === undefined ? 'none' : asked.join(', '),
    });
  }
  return asked && Array.from({ length: count }, (_, index) => asked[index % asked.length]!);
}

/** @throws {ConfigError} */
function classesOf(
  conditioner: Conditioner,
  asked: readonly string[] | undefined,
  count: number,
): number[] | undefined {
  if (!(conditioner instanceof ClassConditioner)) {
    if (asked === undefined) return undefined;
    throw new ConfigError({
      where: 'classes',
      expected: 'none: the model draws without classes',
      got: asked.join(', '),
    });
  }
  const names = namesOfClasses(conditioner);
  const numbers = (asked ?? names).map((name) => {
    const index = names.indexOf(name);
    return index === -1 && /^\d+$/.test(name) ? Number(name) : index;
  });
  const wrong = numbers.findIndex((number) => number < 0 || number >= names.length);
  if (wrong !== -1) {
    throw new ConfigError({
      where: 'classes',
      expected: `names or numbers of the model's ${names.length} classes: ${names.slice(0, 20).join(', ')}`,
      got: asked![wrong]!,
    });
  }
  return Array.from({ length: count }, (_, index) => numbers[index % numbers.length]!);
}
