/**
 * Looks over a text, JSON or not, for what `JSON.parse` would let pass: two equal keys in an object (it keeps the last) and
 * nesting as deep as memory allows.
 */
export function scanJson(
  text: string,
  maximumDepth: number,
): { readonly repeated?: string; readonly tooDeep?: boolean } {
  const open: (Set<string> | undefined)[] = [];
  for (let position = 0; position < text.length; position++) {
    const character = text[position]!;
    if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : undefined);
      if (open.length > maximumDepth) return { tooDeep: true };
    } else if (character === '}' || character === ']') {
      open.pop();
    } else if (character === '"') {
      const start = position++;
      while (position < text.length && text[position] !== '"') position += text[position] === '\\' ? 2 : 1;
      let next = position + 1;
      while (/\s/.test(text[next] ?? '')) next++;
      const keys = open.at(-1);
      if (text[next] !== ':' || !keys) continue;
      const key = JSON.parse(text.slice(start, position + 1)) as string;
      if (keys.has(key)) return { repeated: key };
      keys.add(key);
    }
  }
  return {};
}

/** A value as it may appear in a message, shortened: files come from anywhere. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
