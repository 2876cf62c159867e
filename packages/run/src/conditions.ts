import { ConfigError, printable } from '@vitvq/core';
import type { Caption, ImageDataset } from '@vitvq/data';
import {
  ClassConditioner,
  TextConditioner,
  textTokenizerFromJson,
  trainTextTokenizer,
  Unconditional,
  type Conditioner,
  type ConditionValues,
  type TextTokenizer,
} from '@vitvq/transformers';
import { readTextTokenizer } from '@vitvq/transformers/node';
import type { ResolvedTransformerStage } from './config/run-config.js';

/** Conditions of a run: of texts and classes that are given, and of the images of a source. */
export interface RunConditions {
  readonly conditioner: ClassConditioner | TextConditioner | Unconditional;
  /**
   * Returns the conditioner that knows the condition of each image of a source while it is encoded;
   * undefined where the labels of the images are all that is needed.
   */
  readonly ofSource: (source: ImageDataset) => TextConditioner | undefined;
}

/**
 * Returns the conditions that a stage asks for: classes where the images have them, unless it asks
 * for something else. A text tokenizer that the config does not name is trained on the captions.
 * @param train  images that the transformer learns from
 * @throws {ConfigError} for texts of images without captions
 */
export async function conditionsOf(
  { condition }: Pick<ResolvedTransformerStage, 'condition'>,
  train: Pick<ImageDataset, 'name' | 'classNames' | 'captions'>,
): Promise<RunConditions> {
  const { classNames } = train;
  const none = (): undefined => undefined;
  const kind = condition?.kind ?? (classNames.length > 1 ? 'class' : 'none');
  if (condition?.kind !== 'text') {
    const conditioner =
      kind === 'class' ? new ClassConditioner({ classCount: classNames.length, classNames }) : new Unconditional();
    return { conditioner, ofSource: none };
  }
  const { length, vocabSize, tokenizer: file } = condition;
  const tokenizer: TextTokenizer =
    file === undefined
      ? textTokenizerFromJson(trainTextTokenizer(captionsOf(train).map(textOf), { vocabSize }))
      : await readTextTokenizer(file);
  return {
    conditioner: new TextConditioner({ tokenizer, length }),
    ofSource: (source) => {
      const captions = captionsOf(source);
      return new TextConditioner({ tokenizer, length, textOf: ({ index }) => textOf(captions[index!]!) });
    },
  };
}

/** Returns the captions of a source. @throws {ConfigError} where it has none */
export function captionsOf({ name, captions }: Pick<ImageDataset, 'name' | 'captions'>): readonly Caption[] {
  if (captions !== undefined) return captions;
  throw new ConfigError({
    where: printable(name),
    expected: 'images with captions, for a transformer of texts',
    got: 'images without',
    fix: 'A folder has captions with { kind: folder, captions: true }: x.txt beside x.jpg.',
  });
}

/** Returns the first text that is said of an image. */
export function textOf(caption: Caption): string {
  return typeof caption === 'string' ? caption : caption[0]!;
}

/** What each image is to show. */
export interface WantedImages {
  /** Class of each image, for a model of classes. */
  readonly classes?: readonly number[];
  /** Text of each image, for a model of texts. */
  readonly prompts?: readonly string[];
}

/**
 * Returns the conditions of some images for an `ImageGenerator`; undefined for a model without.
 * @throws {ConfigError} for conditions of another kind than the model's, or another number of them
 */
export function encodeConditions(
  conditioner: Conditioner,
  { classes, prompts }: WantedImages,
  count: number,
): ConditionValues | undefined {
  const expected = conditioner instanceof ClassConditioner ? 'classes' : conditioner instanceof TextConditioner ? 'prompts' : 'nothing';
  const given = { classes, prompts };
  const wrong = Object.entries(given).find(([name, values]) => (name === expected) !== (values !== undefined));
  const values = expected === 'nothing' ? undefined : given[expected];
  if (wrong !== undefined || (values !== undefined && values.length !== count)) {
    throw new ConfigError({
      where: 'generateImages',
      expected: expected === 'nothing' ? 'no conditions: the model draws without' : `${expected}, one for each of ${count} images`,
      got: Object.entries(given).flatMap(([name, each]) => (each ? [`${each.length} ${name}`] : [])).join(', ') || 'none',
    });
  }
  if (conditioner instanceof ClassConditioner) return conditioner.encode(classes!);
  return conditioner instanceof TextConditioner ? conditioner.encode(prompts!) : undefined;
}
