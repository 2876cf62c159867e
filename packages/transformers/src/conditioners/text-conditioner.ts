import {
  allocate,
  assertInteger,
  ConfigError,
  DataError,
  assertTokensInRange,
  checkOptions,
  countOf,
  type ImageOrCodeBatch,
  type OptionTable,
} from '@vitvq/core';
import { canonicalJson } from '../internal/canonical-json.js';
import { sha256 } from '../internal/sha256.js';
import type { TextConditionerConfig } from './conditioner-config.js';
import type { Conditioner } from './conditioner.js';
import type { TextTokenizer } from './text-tokenizer.js';

/** What is known of an image whose text is asked for. */
export interface Described {
  /** Its class; undefined where the batch says none. */
  readonly label: number | undefined;
  /** Its position in the source; undefined where the batch does not say. */
  readonly index: number | undefined;
}

/** Options of a {@link TextConditioner}. */
export interface TextConditionerOptions {
  readonly tokenizer: TextTokenizer;
  /** Tokens a text: longer ones are cut off, shorter ones padded with a token of their own. */
  readonly length: number;
  /**
   * The text of an image: of its class, or a caption. A resumed run must get the same texts.
   * @default none, which is enough for `encode`; training and evaluating need it
   */
  readonly textOf?: (image: Described) => string;
}

const textConditionerOptionNames: OptionTable<TextConditionerOptions> = {
  tokenizer: 'required',
  length: 'required',
  textOf: 'optional',
};

/**
 * Gives the tokens of a text before the image. Two more tokens than the vocabulary of the tokenizer
 * stand for padding and for no condition.
 */
export class TextConditioner implements Conditioner {
  readonly length: number;
  readonly #tokenizer: TextTokenizer;
  readonly #textOf: ((image: Described) => string) | undefined;

  /** @throws {ConfigError} */
  constructor(options: TextConditionerOptions) {
    const { tokenizer, length, textOf } = checkOptions(options, textConditionerOptionNames, 'TextConditioner');
    assertInteger(length, 'length', 'TextConditioner');
    this.length = length;
    this.#tokenizer = tokenizer;
    this.#textOf = textOf;
  }

  get vocabSize(): number {
    return this.#tokenizer.vocabSize + 2;
  }

  get nullTokens(): Int32Array {
    const { vocabSize } = this.#tokenizer;
    return allocate([this.length], 'TextConditioner', (size) => new Int32Array(size).fill(vocabSize + 1));
  }

  get description(): Readonly<Record<string, unknown>> {
    const { vocabSize, json } = this.#tokenizer;
    return { kind: 'text', length: this.length, vocabSize, tokenizer: json === undefined ? null : digestOf(json) };
  }

  get config(): TextConditionerConfig | undefined {
    const { json } = this.#tokenizer;
    return json === undefined ? undefined : { kind: 'text', length: this.length, tokenizer: json };
  }

  /**
   * Row-major `[texts, C]`.
   * @throws {DataError} when the tokenizer gives what is not in its vocabulary
   */
  encode(texts: readonly string[]): Int32Array {
    const { length } = this;
    const { vocabSize } = this.#tokenizer;
    const shape = [texts.length, length];
    const tokens = allocate(shape, 'TextConditioner', (size) => new Int32Array(size).fill(vocabSize));
    texts.forEach((text, row) => {
      const encoded = this.#tokenizer.encode(text);
      assertTokensInRange(
        encoded,
        [encoded.length],
        this.#tokenizer.vocabSize,
        `tokens of "${text}"`,
        'TextConditioner',
      );
      tokens.set(encoded.slice(0, length), row * length);
    });
    return tokens;
  }

  /** @throws {ConfigError} without a `textOf` */
  ofBatch(batch: ImageOrCodeBatch): Int32Array {
    const { labels, indices } = batch;
    const textOf = this.#textOf;
    if (!textOf) {
      throw new ConfigError({
        where: 'TextConditioner',
        expected: 'textOf, which says the text of an image of a batch',
        got: 'none',
        fix: 'Make the conditioner with one; a conditioner out of a model folder has none.',
      });
    }
    const texts = Array.from({ length: countOf(batch) }, (_, row) => {
      const image = { label: labels?.[row], index: indices?.[row] };
      const text: unknown = textOf(image);
      if (typeof text === 'string') return text;
      throw new DataError({
        where: 'TextConditioner',
        expected: `a text for image ${image.index ?? row} of class ${image.label ?? 'unknown'}`,
        got: String(text),
      });
    });
    return this.encode(texts);
  }
}

/**
 * Tells the content of one `tokenizer.json` from another's: its SHA-256, whatever the order of
 * keys.
 */
function digestOf(json: unknown): string {
  return sha256(canonicalJson(json));
}
