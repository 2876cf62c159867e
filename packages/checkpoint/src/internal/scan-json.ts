import { boundedName } from './bounded-name.js';

/** Throws the error of a file that is read, or of a call that writes one. */
type Refuse = (expected: string, got: string) => never;

/** Bounds of a text in JSON. */
export interface JsonLimits {
  /** Description of the text for errors, such as "a header". */
  readonly noun: string;
  /** Deepest nesting of objects and lists. */
  readonly maximumDepth: number;
  /** Largest number of keys of all objects. @default 1,000,000, enough for 250,000 tensors */
  readonly maximumKeys?: number;
  /**
   * Largest number of values of all objects and lists.
   * @default 4,000,000, enough for some 400,000 tensors with four axes
   */
  readonly maximumValues?: number;
}

/** Codes of the characters that the structure of a text consists of. */
const code = {
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  openList: 0x5b,
  backslash: 0x5c,
  closeList: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const;

/**
 * Scans a text, JSON or not, and refuses what `JSON.parse` would accept: two equal keys in an
 * object (it keeps the last), the key `__proto__`, nesting as deep as memory allows, and so many
 * keys or values that a file of 75 MB takes gigabytes and a minute. Parsing a text that passes
 * takes a few seconds and a gigabyte at most.
 * @throws what `refuse` throws
 */
export function scanJson(
  text: string,
  { noun, maximumDepth, maximumKeys = 1_000_000, maximumValues = 4_000_000 }: JsonLimits,
  refuse: Refuse,
): void {
  const open: (Set<string> | undefined)[] = [];
  let keyCount = 0;
  let valueCount = 0;
  for (let position = 0; position < text.length; position++) {
    const character = text.charCodeAt(position);
    const isObject = character === code.openObject;
    const opens = isObject || character === code.openList;
    // A value of an object or list follows its beginning or a comma.
    if ((opens || character === code.comma) && ++valueCount > maximumValues) {
      return refuse(`${noun} of at most ${maximumValues} values`, 'more');
    }
    if (opens) {
      open.push(isObject ? new Set() : undefined);
      if (open.length > maximumDepth) return refuse(`${noun} nested ${maximumDepth} deep`, 'a deeper one');
    } else if (character === code.closeObject || character === code.closeList) {
      open.pop();
    } else if (character === code.quote) {
      const start = position;
      position = endOfString(text, start);
      const keys = open.at(-1);
      if (!keys || text.charCodeAt(afterSpace(text, position + 1)) !== code.colon) continue;
      const key = boundedName(keyOf(text.slice(start, position + 1)), 'names', refuse);
      if (++keyCount > maximumKeys) return refuse(`${noun} of at most ${maximumKeys} names`, 'more');
      if (key === '__proto__') return refuse('names other than __proto__', 'that name');
      if (keys.has(key)) return refuse('names that differ', `${quote(key)} twice`);
      keys.add(key);
    }
  }
}

/** Returns the key that a string of JSON stands for; most have no escapes. */
function keyOf(literal: string): string {
  return literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1);
}

/** Returns the position of the quote that ends the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let position = start + 1;
  for (; position < text.length; position++) {
    const character = text.charCodeAt(position);
    if (character === code.quote) break;
    if (character === code.backslash) position++;
  }
  return position;
}

/** Returns the position of the first character from `position` on that is no white space. */
function afterSpace(text: string, position: number): number {
  while (position < text.length && /\s/.test(text[position]!)) position++;
  return position;
}

const longestQuote = 80;
/** Number of values of nested lists and objects that are looked at, more than the length shows. */
const mostItemsQuoted = 100;

/**
 * Returns a value for an error message, shortened, because files come from anywhere. What is far
 * beyond the shown length is not even written out.
 */
export function quote(value: unknown): string {
  const text = JSON.stringify(excerptOf(value, { left: mostItemsQuoted })) ?? 'nothing';
  return text.length > longestQuote ? `${text.slice(0, longestQuote - 3)}...` : text;
}

function excerptOf(value: unknown, items: { left: number }): unknown {
  if (typeof value === 'string') return value.slice(0, longestQuote);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const excerpt: unknown[] = [];
    for (let at = 0; at < value.length && items.left-- > 0; at++) excerpt.push(excerptOf(value[at], items));
    return excerpt;
  }
  const excerpt: Record<string, unknown> = {};
  for (const key in value) {
    if (items.left-- <= 0) break;
    excerpt[key] = excerptOf((value as Record<string, unknown>)[key], items);
  }
  return excerpt;
}
