import type { HostImages, HostTokens } from '@vitvq/core';
import type { ImageGenerator } from '@vitvq/sampling';
import { SAMPLING } from './config.js';
import { keepUpper, type Halves } from './halves.js';
import { conditionsOf, type Models } from './models.js';

/** An image to complete. */
export interface CompletionRequest {
  /** Its position among the images whose tokens are given. */
  readonly image: number;
  readonly seed: number;
  /** Undefined: without a class. */
  readonly label: number | undefined;
}

/**
 * The upper half of the tokens of each request's image, and below what the transformer draws. All
 * requests with a class, or all without.
 */
export async function complete(
  generator: ImageGenerator,
  { conditioner, transformer }: Models,
  { data, shape: [, ...shape] }: HostTokens,
  halves: Halves,
  requests: readonly CompletionRequest[],
): Promise<HostImages> {
  const { values } = halves;
  const given = new Int32Array(requests.length * values);
  requests.forEach(({ image }, row) => given.set(data.subarray(image * values, (image + 1) * values), row * values));
  const isGuided = requests[0]?.label !== undefined;
  const { images } = await generator.generate({
    conditions: await conditionsOf(
      conditioner,
      requests.map(({ label }) => label),
    ),
    seeds: requests.map(({ seed }) => seed),
    given: { data: keepUpper(given, halves, -1), shape: [requests.length, ...shape] },
    topK: Math.min(SAMPLING.topK, transformer.vocabSize),
    guidanceScale: isGuided ? SAMPLING.guidanceScale : undefined,
  });
  return images;
}
