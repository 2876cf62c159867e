import { boundedName } from './bounded-name.js';

/** Throws the error of a file, or of whoever writes one. */
type Refuse = (expected: string, got: string) => never;

/** Bounds on a JSON text. */
export interface JsonLimits {
  /** What the text is, in errors: "a header". */
  readonly noun: string;
  /** Objects and lists within each other. */
  readonly maximumDepth: number;
  /** Keys of all objects. @default 1,000,000: of 250,000 tensors */
  readonly maximumKeys?: number;
  /** Values of all objects and lists. @default 4,000,000: some 400,000 tensors with four axes */
  readonly maximumValues?: number;
}

/**
 * Looks over a text, JSON or not, for what `JSON.parse` would let pass: two equal keys in an object
 * (it keeps the last), nesting as deep as memory allows, and so many keys or values that a file of
 * 75 MB takes gigabytes and a minute. What passes takes a few seconds and a gigabyte at most.
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
    // A value of an object or list stands behind its beginning or a comma.
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

/** A value as it may appear in a message, shortened: files come from anywhere. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
