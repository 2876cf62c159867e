import { classesToldApart, ImageGenerator, type Decoding, type GeneratedImages } from '@vitvq/sampling';
import type { VQTokenizer } from '@vitvq/tokenizer';
import type { AnyConditioner, AnyTokenModel } from '@vitvq/transformers';
import { encodeConditions, partOf, type WantedImages } from './conditions.js';

/** Models that draw images. */
export interface GeneratingModels {
  readonly tokenizer: VQTokenizer;
  readonly model: AnyTokenModel;
  readonly conditioner: AnyConditioner;
}

/** What is drawn, and how. */
export interface DrawnImages extends WantedImages {
  /** Seed of each image; the same seed and settings give the same image. */
  readonly seeds: readonly number[];
  readonly guidanceScale: number | null;
  readonly topK: number | null;
  readonly topP: number | null;
  readonly temperature: number;
  /** Null: as the model's sampler decodes by default. */
  readonly decoding: Decoding | null;
  /** Images that are drawn for each seed, of which that is kept whose class is surest. */
  readonly candidates: number;
  /** Probability of the class at which no further candidate is drawn. */
  readonly sureEnough: number;
  readonly signal?: AbortSignal;
}

/** Images that are drawn at once. */
const largestBatch = 32;

/** Returns how many of the candidates are drawn: one, where the model tells no classes apart. */
export function usedCandidates(
  { model, conditioner }: Pick<GeneratingModels, 'model' | 'conditioner'>,
  candidates: number,
): number {
  return classesToldApart(model, conditioner) === undefined ? 1 : candidates;
}

/**
 * Draws images batch by batch, with functions that are compiled once.
 * @throws {ConfigError} for conditions of another kind than the model's
 */
export async function* drawBatches(
  { tokenizer, model, conditioner }: GeneratingModels,
  wanted: DrawnImages,
): AsyncGenerator<GeneratedImages, void> {
  const { seeds, guidanceScale, topK, topP, temperature, decoding, sureEnough, signal } = wanted;
  encodeConditions(conditioner, wanted, seeds.length);
  const candidates = usedCandidates({ model, conditioner }, wanted.candidates);
  const batchSize = Math.min(largestBatch, seeds.length * candidates);
  // Candidates of several batches of images fill up what the surest of them leave free.
  const atOnce = candidates === 1 ? batchSize : 4 * batchSize;
  const generator = new ImageGenerator({ model, conditioner, tokenizer, batchSize });
  try {
    for (let start = 0; start < seeds.length; start += atOnce) {
      const end = start + atOnce;
      const part = seeds.slice(start, end);
      const conditions = encodeConditions(conditioner, partOf(conditioner, wanted, start, end), part.length);
      yield await generator.generate({
        conditions,
        seeds: part,
        temperature,
        topK: topK === null ? undefined : Math.min(topK, model.vocabSize),
        topP: topP ?? undefined,
        decoding: decoding ?? undefined,
        candidates,
        sureEnough,
        guidanceScale: conditions === undefined ? undefined : (guidanceScale ?? undefined),
        signal,
      });
    }
  } finally {
    generator.dispose();
  }
}

/** Draws images and returns all of them, with their tokens. @throws as {@link drawBatches} does */
export async function generateImages(models: GeneratingModels, wanted: DrawnImages): Promise<GeneratedImages> {
  const parts: GeneratedImages[] = [];
  for await (const part of drawBatches(models, wanted)) parts.push(part);
  return joined(parts);
}

function joined(parts: readonly GeneratedImages[]): GeneratedImages {
  const [first] = parts as [GeneratedImages];
  if (parts.length === 1) return first;
  const count = parts.reduce((sum, { images }) => sum + images.shape[0], 0);
  const tokens = new Int32Array(parts.reduce((sum, part) => sum + part.tokens.data.length, 0));
  const images = new Float32Array(parts.reduce((sum, part) => sum + part.images.data.length, 0));
  let [token, value] = [0, 0];
  for (const part of parts) {
    tokens.set(part.tokens.data, token);
    images.set(part.images.data, value);
    token += part.tokens.data.length;
    value += part.images.data.length;
  }
  return {
    tokens: {
      ...first.tokens,
      data: tokens,
      shape: [count, ...first.tokens.shape.slice(1)] as typeof first.tokens.shape,
    },
    images: { data: images, shape: [count, ...first.images.shape.slice(1)] as [number, number, number, number] },
  };
}
