/**
 * Characters that do not show as themselves: control characters, which terminals obey, and those
 * that end lines or change the direction of the text around them.
 */
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/**
 * Returns a text in which every control character stands as an escape (`\x1b`, `\u202e`). Names of
 * files and texts out of files may hold sequences that move the cursor, clear the screen or forge
 * other lines, so programs print them through this function. The messages of `VitvqError` have been
 * through it.
 */
export function printable(text: string): string {
  return text.replace(unprintable, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}
