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

/**
 * Scans a text, JSON or not, and refuses what `JSON.parse` would accept: two equal keys in an
 * object (it keeps the last), nesting as deep as memory allows, and so many keys or values that a
 * file of 75 MB takes gigabytes and a minute. Parsing a text that passes takes a few seconds and a
 * gigabyte at most.
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
    const character = text[position]!;
    // A value of an object or list follows its beginning or a comma.
    if (character === '{' || character === '[' || character === ',') {
      if (++valueCount > maximumValues) return refuse(`${noun} of at most ${maximumValues} values`, 'more');
    }
    if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : undefined);
      if (open.length > maximumDepth) return refuse(`${noun} nested ${maximumDepth} deep`, 'a deeper one');
    } else if (character === '}' || character === ']') {
      open.pop();
    } else if (character === '"') {
      const start = position++;
      while (position < text.length && text[position] !== '"') position += text[position] === '\\' ? 2 : 1;
      let next = position + 1;
      while (/\s/.test(text[next] ?? '')) next++;
      const keys = open.at(-1);
      if (text[next] !== ':' || !keys) continue;
      const key = boundedName(JSON.parse(text.slice(start, position + 1)) as string, 'names', refuse);
      if (++keyCount > maximumKeys) return refuse(`${noun} of at most ${maximumKeys} names`, 'more');
      if (keys.has(key)) return refuse('names that differ', `${quote(key)} twice`);
      keys.add(key);
    }
  }
}

/** Returns a value for an error message, shortened, because files come from anywhere. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
