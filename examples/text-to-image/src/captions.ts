import { foldIn, randomUniform, type RandomKey } from '@vitvq/core';
import { ATTRIBUTES, type Attributes } from './attributes.js';

/** What the classes of CIFAR-10 are called; any of these is true of every image of the class. */
export const NOUNS: Readonly<Record<string, readonly string[]>> = {
  airplane: ['airplane', 'plane'],
  automobile: ['automobile', 'car'],
  bird: ['bird'],
  cat: ['cat'],
  deer: ['deer'],
  dog: ['dog'],
  frog: ['frog'],
  horse: ['horse'],
  ship: ['ship', 'boat'],
  truck: ['truck', 'lorry'],
};

const PICTURES = ['photo', 'picture', 'image'] as const;

/** Fraction of captions that name the class, or an attribute that the image has. */
const MENTIONED = { noun: 0.9, attribute: 0.75 } as const;

/** The parts of a caption; what is missing is not mentioned. */
export interface CaptionParts extends Attributes {
  readonly noun?: string;
  /** @default 'photo' */
  readonly picture?: (typeof PICTURES)[number];
}

/** `a dark mostly blue photo of a ship with a brighter top`. */
export function caption({ noun, picture = 'photo', brightness, color, side }: CaptionParts): string {
  const words = [brightness, color && `mostly ${color}`, picture].filter(Boolean).join(' ');
  return [withArticle(words), noun && `of ${withArticle(noun)}`, side && `with a brighter ${side}`]
    .filter(Boolean)
    .join(' ');
}

/**
 * A caption that is true of an image: which of its attributes are mentioned, and in which words,
 * the key decides.
 */
export function captionOf(className: string, attributes: Attributes, key: RandomKey): string {
  const [noun, word, picture, ...mentioned] = randomUniform(foldIn(key, 1), 6) as unknown as [
    number,
    number,
    number,
    ...number[],
  ];
  const nouns = NOUNS[className] ?? [className];
  const names = Object.keys(ATTRIBUTES) as (keyof Attributes)[];
  const kept = names.filter((_, index) => mentioned[index]! < MENTIONED.attribute);
  return caption({
    ...Object.fromEntries(kept.map((name) => [name, attributes[name]])),
    ...(noun < MENTIONED.noun && { noun: pick(nouns, word) }),
    picture: pick(PICTURES, picture),
  });
}

/** Every word that a caption may have. */
export const CAPTION_WORDS: ReadonlySet<string> = new Set(
  [
    ...Object.values(ATTRIBUTES).flat(),
    ...Object.values(NOUNS).flat(),
    ...PICTURES,
    'a an of mostly with brighter',
  ].flatMap((text) => text.split(' ')),
);

/** A prompt as captions are written: in small letters, without marks. */
export function asCaption(prompt: string): string {
  return prompt
    .toLowerCase()
    .split(/[\s.,;:!?"]+/)
    .filter(Boolean)
    .join(' ');
}

/** Most words that a message names all of. */
const LISTED_WORDS = 60;

/**
 * What is wrong with a prompt, for people; empty where nothing is.
 * @param known  words of the captions; the first ones are named where they are many
 */
export function promptProblems(prompt: string, known: ReadonlySet<string> = CAPTION_WORDS): string[] {
  const words = asCaption(prompt).split(' ').filter(Boolean);
  if (words.length === 0) return [`--prompt "${prompt}" says nothing`];
  const unknown = [...new Set(words.filter((word) => !known.has(word)))];
  if (unknown.length === 0) return [];
  const list = unknown.map((word) => `"${word}"`).join(', ');
  const named = [...known].slice(0, LISTED_WORDS).sort().join(', ');
  const ofAll = known.size > LISTED_WORDS ? `The most frequent of its ${known.size} words` : 'Its words';
  return [
    `--prompt "${prompt}" has words that no caption has, so that the model knows nothing of them: ${list}. ${ofAll} are ${named}`,
  ];
}

function withArticle(words: string): string {
  return `${/^[aeiou]/.test(words) ? 'an' : 'a'} ${words}`;
}

function pick<T>(choices: readonly T[], draw: number): T {
  return choices[Math.floor(draw * choices.length)]!;
}
