/**
 * `node … tools/checks/src/check-site.ts`, the end of `npm run docs`: every link of the
 * documentation site to a page, a picture or a place in a page leads somewhere, and nothing is
 * fetched from elsewhere.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brokenLinks } from './internal/site-links.js';
import { repositoryRoot } from './internal/workspace.js';

const site = join(repositoryRoot, 'site');
const names = (await readdir(site, { recursive: true })).map((name) => name.replaceAll('\\', '/'));
const pages = new Map<string, string>();
for (const name of names.filter((each) => each.endsWith('.html'))) {
  pages.set(name, await readFile(join(site, name), 'utf8'));
}
const problems = brokenLinks(pages, new Set(names));
for (const problem of problems) console.error(problem);
console.log(problems.length ? `${problems.length} broken links in the site` : `${pages.size} pages, no broken link`);
process.exitCode = problems.length ? 1 : 0;
