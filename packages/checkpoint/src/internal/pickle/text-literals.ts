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
  const literal = /^\s*(["'])(.*)\1\s*$/.exec(line);
  return literal ? unescaped(literal[2]!, /\\(?:x([0-9a-fA-F]{2})|([\\'"nrt]))/g) : undefined;
}

/** Replaces the escapes `\uXXXX` and `\UXXXXXXXX` of the UNICODE operation. */
export function unicodeText(line: string): string {
  return unescaped(line, /\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g);
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/** Replaces escapes: hexadecimal digits in groups one and two, or one character in group two. */
function unescaped(text: string, pattern: RegExp): string {
  return text.replace(pattern, (escape: string, short?: string, other?: string) => {
    if (short !== undefined) return String.fromCharCode(Number.parseInt(short, 16));
    if (other === undefined) return escape;
    if (other.length === 1) return escapes[other] ?? other;
    const code = Number.parseInt(other, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : escape;
  });
}
