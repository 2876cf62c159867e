import { join } from 'node:path';
import { ConfigError, imageGrid, takeRows, toRgbImages, type RgbImage } from '@vitvq/core';
import { writeNpz } from '@vitvq/evaluation';
import { writeJson } from '@vitvq/files';
import { writePng } from '@vitvq/report';
import { openDataSource, readImages } from '@vitvq/data';
import { classesToldApart } from '@vitvq/sampling';
import { ClassConditioner, TextConditioner, Unconditional, type AnyConditioner } from '@vitvq/transformers';
import { CountProgress } from './count-progress.js';
import { NetworkConditioner } from './feature-conditions.js';
import { drawBatches, type DrawnImages, type GeneratingModels } from './generate-images.js';
import { imageSizeOf } from './image-size.js';
import { loadBoth, loadRunTokenizer, loadRunTransformer, openRun } from './open-run.js';
import { someOf } from './run-images.js';
import { silentView, type RunView } from './run-progress.js';
import { collectSkipped } from './skip-collector.js';
import { writePictures } from './write-pictures.js';

/** Options of {@link sample}. */
export interface SampleOptions extends Partial<
  Pick<
    DrawnImages,
    'guidanceScale' | 'topK' | 'topP' | 'temperature' | 'decoding' | 'candidates' | 'sureEnough' | 'signal'
  >
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
  /** Texts, in turn, for a model of texts or of vectors that texts have too. @default none */
  readonly prompts?: readonly string[];
  /**
   * Folder of pictures whose looks are asked for, in turn, by a model of a network's vectors.
   * @default none
   */
  readonly like?: string;
  /** File for the same images as the evaluator of ADM reads them (`.npz`). @default none */
  readonly npz?: string;
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
  /** The first images in one picture. */
  readonly grid: string;
}

/** Images in `grid.png`, at most. */
const largestGrid = 256;

/**
 * Draws images with the models of a run and writes them as PNG files, each batch (where candidates
 * are drawn, four of them) as soon as it is drawn, with `grid.png`, the first 256 in one picture,
 * and `samples.json`, which says how each was drawn. What is not given is as the config of the run
 * has it under `samples`. The current engine computes.
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
    decoding: options.decoding ?? samples?.decoding ?? null,
    candidates: options.candidates ?? samples?.candidates ?? 1,
    sureEnough: options.sureEnough ?? samples?.sureEnough ?? 1,
  };
  const models = await loadBoth(
    () => loadRunTokenizer(run),
    () => loadRunTransformer(run),
  );
  const { tokenizer, model, conditioner } = models;
  const progress = new CountProgress(view.openProgress({ show: [], signal }), count);
  const written: SampledImage[] = [];
  const shown: RgbImage[] = [];
  try {
    const classes = classesOf(conditioner, options.classes, count);
    const prompts = promptsOf(conditioner, options, count);
    const vectors = await vectorsOf(conditioner, prompts, options, imageSizeOf(tokenizer));
    assertGuidable(conditioner, options.guidanceScale);
    assertChoosable(models, options, choices.candidates);
    const seeds = Array.from({ length: count }, (_, index) => seed + index);
    const classNames = conditioner instanceof ClassConditioner ? namesOfClasses(conditioner) : [];
    const digits = String(count - 1).length;
    /** Draws, and writes every batch at once, so that what is drawn is neither lost nor kept. */
    async function* drawn(): AsyncGenerator<Uint8Array, void> {
      const asked = vectors ? { vectors } : { classes, prompts };
      const wanted = { ...choices, ...asked, seeds, signal };
      for await (const { images } of drawBatches({ tokenizer, model, conditioner }, wanted)) {
        const first = written.length;
        const names = Array.from({ length: images.shape[0] }, (_, row) => String(first + row).padStart(digits, '0'));
        for (const [row, file] of (await writePictures(out, images, names)).entries()) {
          const index = first + row;
          written.push({
            file,
            seed: seeds[index]!,
            ...(classes && { class: classNames[classes[index]!]! }),
            ...(prompts && { prompt: prompts[index]! }),
          });
        }
        const pictures = toRgbImages(images);
        shown.push(...pictures.slice(0, Math.max(0, largestGrid - shown.length)));
        progress.update(written.length);
        for (const { data } of pictures) yield data;
      }
    }
    if (options.npz === undefined) for await (const _ of drawn());
    else {
      const shape = [count, ...imageSizeOf(tokenizer), 3] as [number, number, number, number];
      await writeNpz(options.npz, { data: drawn(), shape }, classes && { labels: classes });
    }
    const grid = join(out, 'grid.png');
    await writePng(grid, imageGrid(shown, { columnGap: 2, rowGap: 2 }));
    return { images: written, grid };
  } finally {
    progress.stop();
    // Also of images that were drawn before a stop.
    if (written.length > 0)
      await writeJson(join(out, 'samples.json'), { run: options.run, ...choices, images: written });
    models.dispose();
  }
}

function namesOfClasses({ classCount, classNames }: ClassConditioner): readonly string[] {
  return classNames ?? Array.from({ length: classCount }, (_, index) => String(index));
}

/** @throws {ConfigError} for a choice among candidates that cannot be made */
function assertChoosable(
  { model, conditioner }: GeneratingModels,
  { candidates = 1, sureEnough }: Pick<SampleOptions, 'candidates' | 'sureEnough'>,
  drawn: number,
): void {
  if (classesToldApart(model, conditioner) === undefined && (candidates > 1 || sureEnough !== undefined)) {
    const [where, got] = candidates > 1 ? (['candidates', candidates] as const) : (['sureEnough', sureEnough] as const);
    throw new ConfigError({
      where,
      expected: 'none: the model tells no classes apart, by which it would choose among candidates',
      got: String(got),
    });
  }
  if (sureEnough !== undefined && drawn === 1) {
    throw new ConfigError({
      where: 'sureEnough',
      expected: 'several candidates, of which the first that is so sure is kept',
      got: 'one candidate',
      fix: 'Ask for candidates as well.',
    });
  }
}

/** @throws {ConfigError} for guidance of a model that has nothing to be guided by */
function assertGuidable(conditioner: AnyConditioner, guidanceScale: number | null | undefined): void {
  if (!(conditioner instanceof Unconditional) || guidanceScale === undefined || guidanceScale === null) return;
  throw new ConfigError({
    where: 'guidanceScale',
    expected: 'none: the model draws without conditions, and guidance strengthens a condition',
    got: String(guidanceScale),
  });
}

/** @throws {ConfigError} */
function promptsOf(
  conditioner: AnyConditioner,
  { prompts: asked, like }: Pick<SampleOptions, 'prompts' | 'like'>,
  count: number,
): string[] | undefined {
  const isOfNetwork = conditioner instanceof NetworkConditioner;
  if (isOfNetwork ? (asked === undefined) === (like === undefined) : like !== undefined) {
    throw new ConfigError({
      where: 'like',
      expected: isOfNetwork ? 'pictures, or texts as prompts' : 'none: the model is not one of vectors of images',
      got: like ?? 'none',
    });
  }
  if (!isOfNetwork && conditioner instanceof TextConditioner !== (asked !== undefined)) {
    throw new ConfigError({
      where: 'prompts',
      expected: asked === undefined ? 'a text: the model draws what texts say' : 'none: the model is not one of texts',
      got: asked === undefined ? 'none' : asked.join(', '),
    });
  }
  return asked && Array.from({ length: count }, (_, index) => asked[index % asked.length]!);
}

/** Returns a vector of each image for a model of a network's vectors; undefined for others. */
async function vectorsOf(
  conditioner: AnyConditioner,
  prompts: readonly string[] | undefined,
  { like, count, view = silentView, signal }: SampleOptions,
  imageSize: readonly [number, number],
): Promise<Float32Array | undefined> {
  if (!(conditioner instanceof NetworkConditioner)) return undefined;
  if (prompts) return conditioner.ofTexts(prompts);
  const { onSkip } = collectSkipped(view.log);
  const source = await openDataSource({ kind: 'folder', path: like! }, { onSkip, onProgress: view.log, signal });
  const pictures = await readImages(someOf(source, count), { imageSize: [...imageSize], onSkip });
  const vectors = await conditioner.vectors.ofImages(pictures);
  const inTurn = Array.from({ length: count }, (_, index) => index % pictures.shape[0]);
  return takeRows(vectors, conditioner.vectors.width, inTurn);
}

/** @throws {ConfigError} */
function classesOf(
  conditioner: AnyConditioner,
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
