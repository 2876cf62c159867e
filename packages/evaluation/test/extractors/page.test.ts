import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { featureExtractorKinds } from '../../src/index.js';

const page = readFileSync(new URL('../../../../docs/feature-extractors.md', import.meta.url), 'utf8');

it.each(Object.keys(featureExtractorKinds))('the page has files, licence, features and a command for %s', (kind) => {
  expect(page).toMatch(new RegExp(`^npx @vitvq/cli import-features ${kind} \\S+ --out \\S+$`, 'm'));
  const rows = page.split('\n').filter((line) => line.startsWith('|') && line.includes(`\`${kind}\``));
  expect(rows).toHaveLength(2);
});
