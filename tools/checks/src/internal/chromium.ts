import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import type { TrainingOutcome } from '../../bundle/train.js';
import { CheckError } from './run.js';

const steps = 50;

/** Returns the path of a Chromium: the one that VITVQ_CHROMIUM names, or the system's. */
function findChromium(): string {
  const places = [process.env['VITVQ_CHROMIUM'], '/usr/bin/chromium', '/usr/bin/google-chrome'];
  const found = places.find((place) => place && existsSync(place));
  if (!found) throw new CheckError('no Chromium. Install one (apt-get install chromium), or set VITVQ_CHROMIUM.');
  return found;
}

/** Runs the bundled training in a page, on each backend, and tells what came of it. */
export async function trainInChromium(script: string, backends: readonly string[]): Promise<string> {
  const browser = await chromium.launch({
    executablePath: findChromium(),
    args: ['--no-sandbox', '--enable-unsafe-swiftshader'],
  });
  try {
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    await page.addScriptTag({ content: script, type: 'module' });
    await page.waitForFunction(() => 'train' in globalThis);
    const told: string[] = [];
    for (const backend of backends) {
      const started = performance.now();
      const outcome = await page.evaluate(
        ([name, count]) =>
          (globalThis as unknown as { train(backend: string, steps: number): Promise<TrainingOutcome> }).train(
            name,
            count,
          ),
        [backend, steps] as const,
      );
      const [first, last] = [outcome.losses[0]!, outcome.losses.at(-1)!];
      const learned = outcome.losses.length === steps && last < first / 2 && outcome.backend === backend;
      if (!learned) throw new CheckError(`training in the page: ${JSON.stringify(outcome)}`);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      told.push(`${backend}: loss ${first.toFixed(3)} to ${last.toFixed(3)} in ${steps} steps, ${seconds} s`);
    }
    if (problems.length) throw new CheckError(problems.join('\n'));
    return `in Chromium, ${told.join('; ')}`;
  } finally {
    await browser.close();
  }
}
