const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/**
 * Replaces what neither HTML nor XML can hold (control characters, halves of surrogate pairs) by
 * U+FFFD.
 */
export function replaceForbidden(text: string): string {
  return text.replace(/[\p{Surrogate}\p{Noncharacter_Code_Point}]|(?![\t\n\r])\p{Control}/gu, '\ufffd');
}

/** Escapes text for an element or a quoted attribute of HTML or XML. */
export function escapeXml(text: string): string {
  return replaceForbidden(text).replace(/[&<>"']/g, (character) => entities[character]!);
}

/** Markup whose texts are escaped. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A value that `html` interpolates. */
export type MarkupValue = string | number | Markup | readonly Markup[] | undefined | false;

/** Makes markup of a template: interpolated text is escaped, interpolated `Markup` is not. */
export function html(strings: TemplateStringsArray, ...values: readonly MarkupValue[]): Markup {
  let text = strings[0]!;
  for (const [index, value] of values.entries()) text += toText(value) + strings[index + 1]!;
  return new Markup(text);
}

function toText(value: MarkupValue): string {
  if (value === undefined || value === false) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'string' || typeof value === 'number') return escapeXml(String(value));
  return value.map(({ text }) => text).join('\n');
}
