import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codebookReport, type CodebookFinding } from '@vitvq/quantizers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adviceFigures } from '../src/advice-figures.js';
import { DEFAULTS } from '../src/config.js';
import { openResults, RESULTS_FILE } from '../src/results.js';
import { Study } from '../src/study.js';
import { pageText } from '../src/write-page.js';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const settings = { steps: DEFAULTS.steps, smoke: false };
const seeds = [0, 1, 2];

let folder: string;
let study: Study;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-codebook-study-'));
  await copyFile(at(`../results/${RESULTS_FILE}`), join(folder, RESULTS_FILE));
  study = new Study(await openResults(folder, settings), seeds);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('docs/codebook-health.md', () => {
  it('is the page of the results that are kept here, with its pictures', async () => {
    const page = await readFile(at('../../../docs/codebook-health.md'), 'utf8');
    expect(page).toBe(pageText(study, { settings, seeds }));
    for (const [, picture] of page.matchAll(/\]\((images\/[^)]*\.png)\)/g)) {
      expect((await readFile(at(`../../../docs/${picture!}`))).subarray(1, 4).toString()).toBe('PNG');
    }
  });
});

describe('the advice of codebookReport', () => {
  const textOf = (used: number, finding: CodebookFinding): string => {
    const counts = Array.from({ length: 100 }, (_, code) => (code < used ? 50 : 0));
    const codebook = { shape: [100, 2], data: Float32Array.from({ length: 200 }, (_, index) => index) };
    return codebookReport({ counts }, { codebook, normalize: false }).advice.find(
      (advice) => advice.finding === finding,
    )!.text;
  };

  it('names the page, and figures of the study', () => {
    const { dead, gain, normalized, codes } = adviceFigures(study);
    const collapsed = textOf(20, 'collapsed');
    expect(collapsed).toContain('docs/codebook-health.md');
    expect(collapsed).toContain(`${dead['as is']} of ${codes} codes`);
    for (const treatment of ['data', 'resets', 'both'] as const) expect(collapsed).toContain(dead[treatment]);
    expect(collapsed).toContain(`${normalized} died`);
    const deadCodes = textOf(80, 'dead-codes');
    expect(deadCodes).toContain('docs/codebook-health.md');
    expect(deadCodes).toContain(`${dead.resets} of ${codes} codes`);
    expect(deadCodes).toContain(`${gain} dB`);
  });
});
