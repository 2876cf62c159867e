import { ConfigError } from '@vitvq/core';
import type { ImageDataset } from '@vitvq/data';
import {
  ClassConditioner,
  TextConditioner,
  textTokenizerFromJson,
  trainTextTokenizer,
  Unconditional,
  type AnyConditioner,
  type ConditionValues,
  type TextTokenizer,
} from '@vitvq/transformers';
import { readTextTokenizer } from '@vitvq/transformers/node';
import { captionsOf, textOf } from './captions.js';
import type { ResolvedTransformerStage } from './config/run-config.js';
import { closeNetworkConditioner, NetworkConditioner, openNetworkConditioner } from './feature-conditions.js';
import { keyOf } from './keys.js';

/** Conditions of a run: of texts and classes that are given, and of the images of a source. */
export interface RunConditions {
  readonly conditioner: ClassConditioner | TextConditioner | Unconditional | NetworkConditioner;
  /**
   * Returns the conditioner that knows the condition of each image of a source while it is encoded;
   * undefined where the labels of the images are all that is needed.
   */
  readonly ofSource: (source: ImageDataset) => TextConditioner | NetworkConditioner | undefined;
  /** Frees the networks that describe images, and what embeds their vectors. */
  dispose(): void;
}

/**
 * Returns the conditions that a stage asks for: classes where the images have them, unless it asks
 * for something else. A text tokenizer that the config does not name is trained on the captions.
 * The caller disposes of the conditions.
 * @param train  images that the transformer learns from
 * @param seed  of the run: decides the first weights of what embeds vectors
 * @throws {ConfigError} for texts of images without captions
 */
export async function conditionsOf(
  { condition, model }: Pick<ResolvedTransformerStage, 'condition' | 'model'>,
  train: Pick<ImageDataset, 'name' | 'classNames' | 'captions'>,
  seed: number,
): Promise<RunConditions> {
  const { classNames } = train;
  const none = (): undefined => undefined;
  if (condition?.kind === 'features') {
    const conditioner = await openNetworkConditioner(condition, model.dim, keyOf(seed, 'conditions'));
    const ofSources: NetworkConditioner[] = [];
    return {
      conditioner,
      ofSource: (source) => {
        const made = conditioner.ofSource(source);
        ofSources.push(made);
        return made;
      },
      dispose: () => {
        for (const each of ofSources) each.dispose();
        closeNetworkConditioner(conditioner);
      },
    };
  }
  const kind = condition?.kind ?? (classNames.length > 1 ? 'class' : 'none');
  if (condition?.kind !== 'text') {
    const conditioner =
      kind === 'class' ? new ClassConditioner({ classCount: classNames.length, classNames }) : new Unconditional();
    return { conditioner, ofSource: none, dispose: none };
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
    dispose: none,
  };
}

/** What each image is to show. */
export interface WantedImages {
  /** Class of each image, for a model of classes. */
  readonly classes?: readonly number[];
  /** Text of each image, for a model of texts. */
  readonly prompts?: readonly string[];
  /** Vector of each image, row-major, for a model of a network's features. */
  readonly vectors?: Float32Array;
}

/** Returns what a conditioner encodes, and how many of its values an image has. */
function wantedOf(conditioner: AnyConditioner): { readonly name?: keyof WantedImages; readonly size: number } {
  if (conditioner instanceof ClassConditioner) return { name: 'classes', size: 1 };
  if (conditioner instanceof TextConditioner) return { name: 'prompts', size: 1 };
  if (conditioner instanceof NetworkConditioner) return { name: 'vectors', size: conditioner.nullInput.length };
  return { size: 0 };
}

/** Returns a part of what images are to show. */
export function partOf(
  conditioner: AnyConditioner,
  { classes, prompts, vectors }: WantedImages,
  start: number,
  end: number,
): WantedImages {
  const { size } = wantedOf(conditioner);
  return {
    classes: classes?.slice(start, end),
    prompts: prompts?.slice(start, end),
    vectors: vectors?.slice(start * size, end * size),
  };
}

/**
 * Returns the conditions of some images for an `ImageGenerator`; undefined for a model without.
 * @throws {ConfigError} for conditions of another kind than the model's, or another number of them
 */
export function encodeConditions(
  conditioner: AnyConditioner,
  given: WantedImages,
  count: number,
): ConditionValues | undefined {
  const { name: expected, size } = wantedOf(conditioner);
  const names = ['classes', 'prompts', 'vectors'] as const;
  const wrong = names.some((name) => (name === expected) !== (given[name] !== undefined));
  const values = expected && given[expected];
  if (wrong || (values !== undefined && values.length !== count * size)) {
    throw new ConfigError({
      where: 'generateImages',
      expected:
        expected === undefined
          ? 'no conditions: the model draws without'
          : `${expected}, one for each of ${count} images`,
      got: names.flatMap((name) => (given[name] ? [`${given[name].length} ${name}`] : [])).join(', ') || 'none',
    });
  }
  if (conditioner instanceof ClassConditioner) return conditioner.encode(given.classes!);
  if (conditioner instanceof TextConditioner) return conditioner.encode(given.prompts!);
  return conditioner instanceof NetworkConditioner ? conditioner.encode(given.vectors!) : undefined;
}
