const BLOCK = /^```ts\n(.*?)^```$/ms;

/** Returns the first fenced block of TypeScript in a Markdown text. */
export function firstProgram(markdown: string): string | undefined {
  return BLOCK.exec(markdown)?.[1];
}
