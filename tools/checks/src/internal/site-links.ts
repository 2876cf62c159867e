import { posix } from 'node:path';

const LINK = /<(a|img|script|link|use|iframe)\b[^>]*?\s(?:href|src)="([^"]*)"/g;

/** Returns the places that can be linked to in a page. */
function anchors(html: string): Set<string> {
  return new Set([...html.matchAll(/\s(?:id|name)="([^"]+)"/g)].map((match) => match[1]!));
}

/**
 * Returns what is wrong with the links of a site: `pages` are its HTML files by their paths,
 * `files` the paths of all of its files. Addresses of other sites may be linked to, not loaded.
 */
export function brokenLinks(pages: ReadonlyMap<string, string>, files: ReadonlySet<string>): string[] {
  const places = new Map([...pages].map(([name, html]) => [name, anchors(html)]));
  const problems: string[] = [];
  for (const [page, html] of pages) {
    const wrong = new Set<string>();
    for (const [, element, link] of html.matchAll(LINK)) {
      if (/^[a-z][a-z+.-]*:/i.test(link!)) {
        if (element !== 'a' && !link!.startsWith('data:')) wrong.add(`loads ${link!}`);
        continue;
      }
      const [path, anchor] = decodeURIComponent(link!.replaceAll('&amp;', '&')).split('#') as [string, string?];
      const target = path ? posix.join(posix.dirname(page), path.replace(/\?.*/, '')) : page;
      if (!files.has(target)) wrong.add(`${link!} leads nowhere`);
      else if (anchor && pages.has(target) && !places.get(target)!.has(anchor)) wrong.add(`${link!} has no such place`);
    }
    problems.push(...[...wrong].map((problem) => `${page}: ${problem}`));
  }
  return problems;
}
