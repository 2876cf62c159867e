import { z } from 'zod';
import type { HostImages } from '@vitvq/core';
import { ATTRIBUTES, measureAttributes, type AttributeName, type Attributes } from './attributes.js';
import { caption, NOUNS, type CaptionParts } from './captions.js';
import { CHECK, type Settings } from './config.js';
import { Painter } from './painter.js';
import type { StageContext } from './stage-context.js';

const rowSchema = z.strictObject({
  attribute: z.enum(['brightness', 'color', 'side']),
  value: z.string(),
  /** Fraction of the pictures that have it, of those that were asked for it. */
  asked: z.number(),
  /**
   * Of pictures of the same classes from the same seeds, of which nothing but the class was asked:
   * chance.
   */
  notAsked: z.number(),
  /** Of the training images. */
  photos: z.number(),
});
export const checkSchema = z.strictObject({ picturesPerValue: z.int(), rows: z.array(rowSchema) });
export type CheckResult = z.output<typeof checkSchema>;

/** A value of an attribute that pictures are asked for. */
interface Wish {
  readonly attribute: AttributeName;
  readonly value: string;
}

/**
 * Whether pictures carry what they were asked for, by the function that the captions were made
 * with.
 * @param attributes of the training images
 */
export async function checkPictures(context: StageContext, attributes: readonly Attributes[]): Promise<CheckResult> {
  const { data, settings, signal } = context;
  const wishes = wishesOf(attributes);
  const seeds = settings.smoke ? CHECK.smokeSeeds : CHECK.seeds;
  const orders = (parts: CaptionParts) =>
    nounsOf(data.train.source.classNames).flatMap((noun) =>
      Array.from({ length: seeds }, (_, number) => ({
        text: caption({ ...parts, noun }),
        seed: firstSeedOf(settings) + number,
      })),
    );
  const painter = await Painter.open(context);
  try {
    const draw = async (parts: CaptionParts): Promise<Attributes[]> =>
      attributesOf(await painter.draw(orders(parts), signal));
    const plain = await draw({});
    const rows: CheckResult['rows'] = [];
    for (const { attribute, value } of wishes) {
      const asked = await draw({ [attribute]: value });
      rows.push({
        attribute,
        value,
        asked: shareOf(asked, attribute, value),
        notAsked: shareOf(plain, attribute, value),
        photos: shareOf(attributes, attribute, value),
      });
    }
    return { picturesPerValue: plain.length, rows };
  } finally {
    painter.dispose();
  }
}

/** Seeds of the check, which no other picture has. */
function firstSeedOf({ seed }: Settings): number {
  return 1_000_000 + seed * CHECK.seeds;
}

function nounsOf(classes: readonly string[]): string[] {
  return classes.map((name) => NOUNS[name]?.[0] ?? name);
}

/** Values that enough of the images have. */
function wishesOf(attributes: readonly Attributes[]): Wish[] {
  return (Object.keys(ATTRIBUTES) as AttributeName[]).flatMap((attribute) =>
    ATTRIBUTES[attribute]
      .map((value): Wish => ({ attribute, value }))
      .filter(({ value }) => shareOf(attributes, attribute, value) >= CHECK.leastShare),
  );
}

export function attributesOf({ data, shape: [count, height, width, channels] }: HostImages): Attributes[] {
  const values = height * width * channels;
  return Array.from({ length: count }, (_, image) =>
    measureAttributes(data.subarray(image * values, (image + 1) * values), [height, width]),
  );
}

export function shareOf(attributes: readonly Attributes[], name: AttributeName, value: string): number {
  return attributes.filter((found) => found[name] === value).length / attributes.length;
}

/** Means over the values of each attribute, and over all. */
export function summarize({ rows }: Pick<CheckResult, 'rows'>): { readonly asked: number; readonly notAsked: number } {
  const mean = (of: (row: CheckResult['rows'][number]) => number): number =>
    rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
  return { asked: mean(({ asked }) => asked), notAsked: mean(({ notAsked }) => notAsked) };
}
