/**
 * Largest number of digits of an integer in text; longer ones take long to convert and mean nothing
 * here.
 */
const maximumDigits = 600;
const decimal = /^\s*[+-]?\d+\s*$/;
const float = /^\s*[+-]?(?:inf|nan|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*$/i;

/** Parses an integer in decimal digits; returns undefined for anything else. */
export function integerLiteral(line: string): bigint | undefined {
  if (line.length > maximumDigits || !decimal.test(line)) return undefined;
  return BigInt(line.trim().replace(/^\+/, ''));
}

/** Parses a number as Python prints it; returns undefined for anything else. */
export function floatLiteral(line: string): number | undefined {
  if (line.length > maximumDigits || !float.test(line)) return undefined;
  return Number(line.trim().toLowerCase().replace('inf', 'Infinity').replace('nan', 'NaN'));
}

/**
 * Parses a string literal of Python without its prefix; returns undefined where there are no
 * quotes.
 */
export function quotedText(line: string): string | undefined {
  const literal = line.trim();
  const mark = literal[0];
  if (literal.length < 2 || (mark !== '"' && mark !== "'") || literal.at(-1) !== mark) return undefined;
  return unescaped(literal.slice(1, -1), quotedEscape);
}

/** Replaces the escapes `\uXXXX` and `\UXXXXXXXX` of the UNICODE operation. */
export function unicodeText(line: string): string {
  return unescaped(line, unicodeEscape);
}

/** What an escape stands for. */
interface Escape {
  readonly codePoint: number;
  /** Characters of the escape with its backslash. */
  readonly length: number;
}

/** Reads the escape at a backslash; returns undefined where a backslash begins none. */
type ReadEscape = (text: string, at: number) => Escape | undefined;

const simpleEscapes: ReadonlyMap<string | undefined, number> = new Map([
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
  ...['\\', "'", '"'].map((character): [string, number] => [character, character.charCodeAt(0)]),
]);

const quotedEscape: ReadEscape = (text, at) => {
  if (text[at + 1] === 'x') return hexadecimalEscape(text, at, 2);
  const codePoint = simpleEscapes.get(text[at + 1]);
  return codePoint === undefined ? undefined : { codePoint, length: 2 };
};

const unicodeEscape: ReadEscape = (text, at) => {
  if (text[at + 1] === 'u') return hexadecimalEscape(text, at, 4);
  return text[at + 1] === 'U' ? hexadecimalEscape(text, at, 8) : undefined;
};

function hexadecimalEscape(text: string, at: number, digits: number): Escape | undefined {
  let codePoint = 0;
  for (let index = at + 2; index < at + 2 + digits; index++) {
    const digit = Number.parseInt(text[index] ?? '', 16);
    if (Number.isNaN(digit)) return undefined;
    codePoint = 16 * codePoint + digit;
  }
  return codePoint <= 0x10ffff ? { codePoint, length: 2 + digits } : undefined;
}

/** Code units that become a string at once. */
const chunkUnits = 8192;

/**
 * Replaces escapes. The code units are collected in numbers and not in strings: a text of 64 MiB
 * can hold 16 million escapes, whose strings would take gigabytes.
 */
function unescaped(text: string, readEscape: ReadEscape): string {
  let backslash = text.indexOf('\\');
  if (backslash < 0) return text;
  const parts: string[] = [];
  const units = new Uint16Array(chunkUnits);
  let count = 0;
  const flush = (): void => {
    if (count > 0) parts.push(String.fromCharCode(...units.subarray(0, count)));
    count = 0;
  };
  let position = 0;
  while (backslash >= 0) {
    const escape = readEscape(text, backslash);
    const plainEnd = escape ? backslash : backslash + 1;
    // A long stretch without escapes stays one string.
    if (plainEnd - position > chunkUnits / 2) {
      flush();
      parts.push(text.slice(position, plainEnd));
    } else {
      if (count + plainEnd - position + 2 > chunkUnits) flush();
      for (; position < plainEnd; position++) units[count++] = text.charCodeAt(position);
    }
    position = plainEnd + (escape?.length ?? 0);
    if (escape) {
      if (count + 2 > chunkUnits) flush();
      const { codePoint } = escape;
      if (codePoint > 0xffff) {
        units[count++] = 0xd800 + ((codePoint - 0x10000) >> 10);
        units[count++] = 0xdc00 + ((codePoint - 0x10000) & 0x3ff);
      } else {
        units[count++] = codePoint;
      }
    }
    backslash = text.indexOf('\\', position);
  }
  flush();
  parts.push(text.slice(position));
  return parts.join('');
}
