import { boundedName } from './bounded-name.js';

/** Throws the error of the reader or writer of a file. */
type Refuse = (expected: string, got: string) => never;

/** Limits of a JSON text. */
export interface JsonLimits {
  /** Noun for the text in errors: "a header". */
  readonly noun: string;
  /** Largest depth of nested objects and lists. */
  readonly maximumDepth: number;
  /** Largest number of keys of all objects. @default 1,000,000, enough for 250,000 tensors */
  readonly maximumKeys?: number;
  /**
   * Largest number of values of all objects and lists.
   * @default 4,000,000, enough for about 400,000 tensors with four axes
   */
  readonly maximumValues?: number;
}

/**
 * Refuses texts that `JSON.parse` would accept: an object with two equal keys (`JSON.parse` keeps
 * the last), unlimited nesting, and so many keys or values that a file of 75 MB takes gigabytes and
 * a minute. Parsing an accepted text takes a few seconds and one gigabyte at most. The text need
 * not be valid JSON.
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
    // A value of an object or list follows its opening bracket or a comma.
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

/** Formats a value for a message and shortens it, because files may hold arbitrary values. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
