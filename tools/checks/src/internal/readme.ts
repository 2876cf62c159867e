/** The first fenced block of TypeScript in a Markdown text. */
export function firstProgram(markdown: string): string | undefined {
  return /^```ts\n(.*?)^```$/ms.exec(markdown)?.[1];
}

/** Targets of links and images that point into the repository, without their anchors; code is not looked at. */
export function localLinks(markdown: string): string[] {
  const prose = markdown.replace(/^(```+).*?^\1/gms, '').replace(/`[^`\n]*`/g, '');
  const targets = [
    ...[...prose.matchAll(/\]\(\s*<?([^)\s>]+)/g)].map((match) => match[1]!),
    ...[...prose.matchAll(/\b(?:src|href)="([^"]+)"/g)].map((match) => match[1]!),
  ];
  return targets.filter((target) => !/^([a-z][a-z+.-]*:|#)/i.test(target)).map((target) => target.replace(/#.*$/, ''));
}
