import '@tensorflow/tfjs';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import type * as Axe from 'axe-core';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodePng } from '@vitvq/report';
import { createSampler, editImages, ImageGenerator, maskOfPixels } from '@vitvq/sampling';
import { runProgram } from '@vitvq/test-utils/node';
import { nullConditions, type Conditioner } from '@vitvq/transformers';
import { pixelsUnder, type Point } from '../page/brush-mask.js';
import type { PageDrawing } from '../page/page-content.js';
import { SMOKE } from '../src/config.js';
import { loadModels } from '../src/models.js';
import { servePage, type ServedPage } from '../src/serve-page.js';
import { makeSmokeModels } from '../src/smoke-models.js';
import { exportModels, writeContent } from '../src/write-page.js';
import { findChromium } from './chromium.js';
import { openTokenizer } from './onnx.js';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const screenshots = here('../test-output');
const executablePath = findChromium();
if (executablePath === undefined) {
  console.warn(
    'SKIPPED: the page was not tested, there is no Chromium (apt-get install chromium, or set VITVQ_CHROMIUM).',
  );
}

let folder: string;
let browser: Browser;
const positions = 16;
/**
 * Everything takes seconds; a machine that is busy with other things may take long, and that is no
 * failure.
 */
const SLOWEST = 480_000;

/**
 * Milliseconds of a frame while a generation is stopped: the sixteen tokens of an image must not be
 * drawn before the button is pressed, and a picture of the page takes up to two seconds.
 */
const slowFrame = 300;

/**
 * A page in a context of its own; what goes wrong in it, and what it asks other machines for, is
 * told.
 */
class OpenPage {
  readonly problems: string[] = [];

  private constructor(
    readonly page: Page,
    readonly context: BrowserContext,
    readonly served: ServedPage,
  ) {}

  static async open(out: string): Promise<OpenPage> {
    const served = await servePage(out, 0);
    const context = await browser.newContext({ viewport: { width: 1100, height: 900 } });
    const opened = new OpenPage(await context.newPage(), context, served);
    const { page, problems } = opened;
    page.setDefaultTimeout(SLOWEST / 4);
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      // Only this test reads canvases that the page shows.
      const isOurs = message.text().includes('willReadFrequently');
      if (['error', 'warning'].includes(message.type()) && !isOurs) problems.push(message.text());
    });
    context.on('request', (request) => {
      if (!request.url().startsWith(served.url) && !/^(data|blob):/.test(request.url())) problems.push(request.url());
    });
    await page.goto(served.url);
    await opened.said('PSNR');
    return opened;
  }

  async close(): Promise<void> {
    await this.context.close();
    await this.served.close();
  }

  /** Waits until the page tells of something. */
  async said(text: string): Promise<void> {
    await this.page.getByRole('status').filter({ hasText: text }).waitFor();
  }

  async screenshot(name: string): Promise<void> {
    await this.page.screenshot({ path: join(screenshots, `${name}.png`) });
  }

  /** The codes that the grid shows. */
  async codes(): Promise<number[]> {
    return (await this.page.getByRole('gridcell').allTextContents()).map(Number);
  }

  /** Values of a canvas in [0, 255], without alpha. */
  async pixels(name: string): Promise<number[]> {
    return this.page.getByRole('img', { name, exact: true }).evaluate((element) => {
      const canvas = element as HTMLCanvasElement;
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      return [...data].filter((_, index) => index % 4 !== 3);
    });
  }

  /** Whether the decoded picture is what onnxruntime-node makes of the tokens that are shown. */
  async expectDecoded(out: string, tokens?: readonly number[]): Promise<number[]> {
    const { decode } = await openTokenizer(out);
    const expected = await decode(tokens ?? (await this.codes()));
    const actual = await this.pixels(DECODED);
    expect(actual).toHaveLength(expected.length);
    const difference = actual.map((value, index) => Math.abs(value - 255 * Math.min(1, Math.max(0, expected[index]!))));
    expect(Math.max(...difference)).toBeLessThan(0.51); // Rounded to whole numbers.
    return actual;
  }

  /** Positions of the tokens that are painted over. */
  async painted(): Promise<number[]> {
    const labels = await this.page
      .getByRole('gridcell')
      .evaluateAll((cells) => cells.map((cell) => cell.getAttribute('aria-label')!));
    return [...labels.keys()].filter((position) => labels[position]!.includes('painted over'));
  }

  /** Draws a line on a picture, in pixels of the picture. */
  async paint(name: string, from: Point, to: Point): Promise<void> {
    const canvas = this.page.getByRole('img', { name, exact: true });
    await canvas.scrollIntoViewIfNeeded();
    const box = (await canvas.boundingBox())!;
    const onPage = ({ x, y }: Point): [number, number] => [
      box.x + (x * box.width) / SMOKE.imageSize,
      box.y + (y * box.height) / SMOKE.imageSize,
    ];
    await this.page.mouse.move(...onPage(from));
    await this.page.mouse.down();
    await this.page.mouse.move(...onPage(to), { steps: 5 });
    await this.page.mouse.up();
  }

  async violations(): Promise<string[]> {
    return this.page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: typeof Axe };
      const { violations } = await axe.run();
      return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
    });
  }
}

const ORIGINAL = 'Original picture';
const DECODED = 'Picture decoded from the tokens';

/** The page of other models: the smoke run's, with their content. */
async function writeVariant(
  name: string,
  options: Parameters<typeof makeSmokeModels>[1],
  drawing?: PageDrawing,
): Promise<string> {
  const [run, out] = [join(folder, `${name}-run`), join(folder, name)];
  await makeSmokeModels(run, options);
  const models = await loadModels(run);
  for (const part of ['index.html', 'service-worker.js', 'assets']) {
    await cp(join(folder, 'page', part), join(out, part), { recursive: true });
  }
  await exportModels(out, models, { verify: false });
  const codeColors = Array.from({ length: models.tokenizer.vocabSize }, () => '#808080');
  const png = await readFile(join(folder, 'page/pictures/0.png'));
  const pictures = [{ name: 'a picture', png }];
  await writeContent(out, { about: 'a test', codeColors, drawing, hasBrush: false, pictures });
  models.dispose();
  return out;
}

describe.skipIf(executablePath === undefined)('the page in Chromium', { timeout: SLOWEST }, () => {
  let out: string;
  let opened: OpenPage;
  let page: Page;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vitvq-browser-'));
    out = join(folder, 'page');
    await mkdir(screenshots, { recursive: true });
    const { output } = await runProgram(here('../src/main.ts'), ['--smoke', '--out', out]);
    expect(output).toContain(`Page:   ${join(out, 'index.html')}`);
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    opened = await OpenPage.open(out);
    ({ page } = opened);
  }, SLOWEST);

  afterAll(async () => {
    await opened?.close();
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  }, SLOWEST);

  it('opens with a picture, its tokens and what they decode to', async () => {
    const { encode } = await openTokenizer(out);
    const pixels = Float32Array.from(await opened.pixels(ORIGINAL), (value) => value / 255);
    expect(await opened.codes()).toEqual(await encode(pixels));
    await opened.expectDecoded(out);
    await opened.screenshot('1-picture');
  });

  it('takes a picture that is dropped: its middle', async () => {
    // Red on both sides; in the middle every pixel has a colour of its own.
    const middle = (x: number, y: number): number[] => [x * 16, y * 16, 128];
    const data = Uint8Array.from(
      Array.from({ length: 16 * 32 }, (_, pixel) => {
        const [x, y] = [(pixel % 32) - 8, Math.floor(pixel / 32)];
        return x >= 0 && x < 16 ? middle(x, y) : [255, 0, 0];
      }).flat(),
    );
    const bytes = [...encodePng({ width: 32, height: 16, data })];
    const transfer = await page.evaluateHandle((values) => {
      const files = new DataTransfer();
      files.items.add(new File([Uint8Array.from(values)], 'dropped.png', { type: 'image/png' }));
      return files;
    }, bytes);
    await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
    await opened.said('dropped.png');
    const expected = Array.from({ length: 256 }, (_, pixel) => middle(pixel % 16, Math.floor(pixel / 16))).flat();
    expect(await opened.pixels(ORIGINAL)).toEqual(expected);
    await opened.expectDecoded(out);
  });

  it('says what is no picture, and keeps what is there', async () => {
    const before = await opened.codes();
    const file = { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') };
    await page.getByLabel('Your own').setInputFiles(file);
    await opened.said('notes.txt is no picture that this browser can read.');
    expect(await opened.codes()).toEqual(before);
  });

  it('is edited by keyboard, and decodes at once', async () => {
    const codes = await opened.codes();
    const before = await opened.pixels(DECODED);
    await page.getByRole('gridcell', { selected: true }).focus();
    for (const key of ['ArrowDown', 'ArrowRight', 'ArrowRight', 'ArrowLeft']) await page.keyboard.press(key);
    const place = 'row 2, column 2';
    expect(await page.getByRole('gridcell', { selected: true }).getAttribute('aria-label')).toContain(place);

    const [was, code] = [codes[5]!, (codes[5]! + 7) % 32];
    await page.keyboard.type(String(code));
    await page.keyboard.press('Enter');
    await opened.said(`Row 2, column 2 is now code ${code}.`);
    const cell = page.getByRole('gridcell', { name: `${place}, code ${code}, was ${was}`, exact: true });
    expect(await cell.evaluate((element) => element === document.activeElement)).toBe(true);
    expect(await opened.codes()).toEqual(codes.with(5, code));
    expect(await opened.expectDecoded(out)).not.toEqual(before);
    await opened.screenshot('2-edited');

    await page.keyboard.press('+');
    await opened.said(`is now code ${(code + 1) % 32}.`);
    await page.keyboard.press('s');
    await page.keyboard.press('Control+End');
    await page.keyboard.press('Enter');
    await opened.said('Swapped row 2, column 2 with row 4, column 4.');
    expect(await opened.codes()).toEqual(codes.with(5, codes[15]!).with(15, (code + 1) % 32));
    await opened.expectDecoded(out);

    for (let step = 0; step < 3; step++) await page.keyboard.press('Control+z');
    await opened.said('Undone');
    expect(await opened.codes()).toEqual(codes);
    await expect.poll(() => opened.pixels(DECODED)).toEqual(before);
    expect(await page.getByRole('button', { name: 'Undo' }).isDisabled()).toBe(true);
  });

  it('is edited by pointer', async () => {
    const codes = await opened.codes();
    await page.getByRole('gridcell').nth(2).click();
    await page.getByRole('button', { name: 'Next code' }).click();
    await page.getByRole('button', { name: 'Swap with …' }).click();
    await page.getByRole('gridcell').nth(7).click();
    await opened.said('Swapped row 1, column 3 with row 2, column 4.');
    expect(await opened.codes()).toEqual(codes.with(7, (codes[2]! + 1) % 32).with(2, codes[7]!));
    await page.getByRole('button', { name: 'Reset' }).click();
    await opened.said('All tokens are as they came.');
    expect(await opened.codes()).toEqual(codes);
  });

  it('refuses a code that there is not', async () => {
    const codes = await opened.codes();
    const field = page.getByLabel('Code', { exact: true });
    await field.fill('32');
    await field.press('Enter');
    expect(await field.evaluate((element) => (element as HTMLInputElement).validity.rangeOverflow)).toBe(true);
    expect(await opened.codes()).toEqual(codes);
    await field.press('Escape');
    expect(await field.inputValue()).toBe(String(codes[7]));
  });

  it('draws the image of a class token by token, the one that the Sampler of @vitvq/sampling draws', async () => {
    await page.getByLabel('Class').selectOption('greenish');
    await page.getByLabel('Seed', { exact: true }).fill('7');
    await page.getByLabel('Temperature').fill('0.8');
    await page.getByLabel('Top-k').fill('20');
    await page.getByLabel('Guidance').fill('3');
    // How many tokens were there after each change of the grid.
    await page.evaluate(() => {
      const counts: number[] = [];
      const grid = document.querySelector('[role=grid]')!;
      const count = (): number => grid.querySelectorAll('[role=gridcell]:not(:empty)').length;
      new MutationObserver(() => counts.push(count())).observe(grid, { subtree: true, childList: true });
      Object.assign(globalThis, { counts });
    });
    await page.getByRole('button', { name: 'Generate' }).click();
    await opened.said('Generated: greenish.');
    const counts = await page.evaluate(() => (globalThis as unknown as { counts: number[] }).counts);
    // Until the first token the tokens of the picture before are there.
    expect([...new Set(counts.slice(counts.indexOf(1)))]).toEqual(
      Array.from({ length: positions }, (_, index) => index + 1),
    );

    const models = await loadModels(join(out, 'run'));
    const { model, conditioner } = models.transformer!;
    const sampler = createSampler(model);
    const tokens = await sampler.sample({
      conditions: tf.tensor2d([[SMOKE.classes.indexOf('greenish')]], [1, 1], 'int32'),
      seeds: [7],
      temperature: 0.8,
      topK: 20,
      guidance: { scale: 3, unconditional: nullConditions(conditioner as Conditioner, 1) },
    });
    expect(await opened.codes()).toEqual([...(await tokens.data())]);
    sampler.dispose();
    models.dispose();
    await opened.expectDecoded(out);
    await opened.screenshot('3-generated');
    await page.getByRole('gridcell').nth(3).click();
    await page.keyboard.press('-');
    await opened.said('Row 1, column 4 is now code');
    await opened.expectDecoded(out);
  });

  it('stops', async () => {
    await page.evaluate((milliseconds) => {
      const { requestAnimationFrame: original } = window;
      window.requestAnimationFrame = (callback) => window.setTimeout(() => original(callback), milliseconds);
      Object.assign(globalThis, { restore: () => (window.requestAnimationFrame = original) });
    }, slowFrame);
    await page.getByRole('button', { name: 'Next seed' }).click();
    expect(await page.getByLabel('Seed', { exact: true }).inputValue()).toBe('8');
    await page.getByRole('gridcell', { name: 'row 1, column 3, code' }).waitFor();
    await opened.screenshot('4-generating');
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await opened.said('Stopped.');
    expect(await page.getByRole('gridcell', { name: 'not drawn yet' }).count()).toBeGreaterThan(0);
    expect(await page.getByRole('progressbar').count()).toBe(0);
  });

  it('stops for a picture', async () => {
    await page.getByRole('button', { name: 'Next seed' }).click();
    await page.getByRole('gridcell', { name: 'row 1, column 2, code' }).waitFor();
    await page.getByRole('button', { name: SMOKE.classes[0] }).click();
    await opened.said('PSNR');
    expect(await page.getByRole('button', { name: 'Stop', exact: true }).isDisabled()).toBe(true);
    await page.evaluate(() => (globalThis as unknown as { restore(): void }).restore());
    // What was being drawn does not come back.
    await page.waitForTimeout(slowFrame + 200);
    const { encode } = await openTokenizer(out);
    const pixels = Float32Array.from(await opened.pixels(ORIGINAL), (value) => value / 255);
    expect(await opened.codes()).toEqual(await encode(pixels));
    await opened.expectDecoded(out);
  });

  it('makes a part anew that is painted over, as editImages of @vitvq/sampling does', async () => {
    await page.getByRole('button', { name: SMOKE.classes[1] }).click();
    await opened.said(`${SMOKE.classes[1]}.`);
    const before = await opened.codes();
    await page.getByLabel('Class').selectOption('bluish');
    await page.getByLabel('Seed', { exact: true }).fill('5');
    await page.getByLabel('Temperature').fill('0.9');
    await page.getByLabel('Top-k').fill('16');
    await page.getByLabel('Guidance').fill('1.5');
    await page.getByLabel('Steps').fill('4');
    await page.getByRole('button', { name: 'Paint anew' }).click();
    await opened.said('Nothing is painted over: paint over a picture');

    const [from, to] = [
      { x: 3, y: 9 },
      { x: 10, y: 11 },
    ];
    await opened.paint(DECODED, from, to);
    await opened.said('tokens are painted over.');
    // As wide as a patch.
    const data = new Uint8Array(SMOKE.imageSize ** 2);
    for (const pixel of pixelsUnder({ from, to, radius: 2 }, { height: SMOKE.imageSize, width: SMOKE.imageSize })) {
      data[pixel] = 1;
    }
    const mask = maskOfPixels({ data, shape: [1, SMOKE.imageSize, SMOKE.imageSize] }, [4, 4]);
    const painted = [...mask.data.keys()].filter((position) => mask.data[position] === 1);
    expect(await opened.painted()).toEqual(painted);
    await opened.screenshot('7-painted');
    await page.getByRole('button', { name: 'Paint anew' }).click();
    await opened.said(`${painted.length} tokens are painted anew: bluish.`);

    const models = await loadModels(join(out, 'run'), join(out, 'brush-run'));
    const { model, conditioner } = models.brush!;
    const generator = new ImageGenerator({ model, conditioner, tokenizer: models.tokenizer, batchSize: 1 });
    const expectedFor = async (seed: number, tokens: number[]): Promise<number[]> => {
      const { tokens: edited } = await editImages(generator, {
        tokens: { data: Int32Array.from(tokens), shape: [1, positions] },
        mask,
        seeds: [seed],
        conditions: Int32Array.of(SMOKE.classes.indexOf('bluish')),
        temperature: 0.9,
        topK: 16,
        guidanceScale: 1.5,
        decoding: { steps: 4 },
      });
      return [...edited.data];
    };
    const expected = await expectedFor(5, before);
    expect(await opened.codes()).toEqual(expected);
    expect(expected).not.toEqual(before);
    await opened.expectDecoded(out);
    await opened.screenshot('8-painted-anew');

    await page.getByRole('button', { name: 'Another try' }).click();
    expect(await page.getByLabel('Seed', { exact: true }).inputValue()).toBe('6');
    await expect.poll(() => opened.codes()).toEqual(await expectedFor(6, expected));
    await opened.said('painted anew: bluish.');
    generator.dispose();
    models.dispose();

    await page.getByRole('button', { name: 'Undo' }).click();
    await opened.said('Undone');
    expect(await opened.codes()).toEqual(expected);
  });

  it('keeps the pixels of the original where no token has changed', async () => {
    const [original, decoded] = [await opened.pixels(ORIGINAL), await opened.pixels(DECODED)];
    await page.getByLabel('Keep the original elsewhere').check();
    await opened.said('Pixels of the original stay where no token has changed.');
    const changed = await page
      .getByRole('gridcell')
      .evaluateAll((cells) => cells.map((cell) => cell.getAttribute('aria-label')!.includes('was')));
    expect(new Set(changed)).toEqual(new Set([false, true]));
    const expected = decoded.map((value, index) => {
      const [y, x] = [Math.floor(index / 48), Math.floor(index / 3) % 16];
      return changed[Math.floor(y / 4) * 4 + Math.floor(x / 4)] ? value : original[index]!;
    });
    expect(await opened.pixels(DECODED)).toEqual(expected);
    await opened.screenshot('9-original-kept');
    await page.getByLabel('Keep the original elsewhere').uncheck();
    await opened.said('All pixels are decoded.');
    expect(await opened.pixels(DECODED)).toEqual(decoded);
  });

  it('is painted over by keyboard, erased and cleared', async () => {
    await page.getByRole('button', { name: 'Clear' }).click();
    expect(await opened.painted()).toEqual([]);
    await page.getByRole('gridcell').nth(3).click();
    await page.keyboard.press('p');
    await opened.said('1 token is painted over.');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('p');
    await page.keyboard.press('ArrowRight');
    expect(await opened.painted()).toEqual([2, 3]);
    await page.getByRole('button', { name: 'Eraser' }).click();
    await opened.paint(ORIGINAL, { x: 10, y: 2 }, { x: 10, y: 2 });
    await opened.said('1 token is painted over.');
    expect(await opened.painted()).toEqual([3]);
    await page.getByRole('button', { name: 'Eraser' }).click();
  });

  it('stops painting, and keeps the tokens', async () => {
    const before = await opened.codes();
    await opened.paint(DECODED, { x: 1, y: 1 }, { x: 15, y: 15 });
    await page.evaluate((milliseconds) => {
      const { requestAnimationFrame: original } = window;
      window.requestAnimationFrame = (callback) => window.setTimeout(() => original(callback), milliseconds);
      Object.assign(globalThis, { restore: () => (window.requestAnimationFrame = original) });
    }, slowFrame);
    await page.getByRole('button', { name: 'Paint anew' }).click();
    await page.getByRole('gridcell', { name: 'not drawn yet' }).first().waitFor();
    await opened.screenshot('10-painting');
    await page.getByRole('button', { name: 'Stop painting' }).click();
    await opened.said('Stopped.');
    await page.evaluate(() => (globalThis as unknown as { restore(): void }).restore());
    await page.waitForTimeout(slowFrame + 200);
    expect(await opened.codes()).toEqual(before);
    await opened.expectDecoded(out);
    // What is painted over belongs to the picture.
    await page.getByRole('button', { name: SMOKE.classes[0] }).click();
    await opened.said(`${SMOKE.classes[0]}.`);
    expect(await opened.painted()).toEqual([]);
  });

  it('tells people who do not see it what there is', async () => {
    for (const [role, name] of [
      ['heading', 'Image tokens'],
      ['heading', 'Open a picture'],
      ['heading', 'Or generate one'],
      ['grid', 'Tokens'],
      ['img', ORIGINAL],
      ['img', DECODED],
      ['group', 'Row 1, column 4'],
      ['spinbutton', 'Code'],
      ['combobox', 'Class'],
      ['group', 'Brush'],
      ['button', 'Paint anew'],
      ['button', SMOKE.classes[1]],
    ] as const) {
      expect(await page.getByRole(role, { name, exact: true }).count(), `${role} ${name}`).toBe(1);
    }
    expect(await page.getByRole('row').count()).toBe(4);
    // One stop of the Tab key for the whole grid.
    expect(await page.locator('[role=gridcell][tabindex="0"]').count()).toBe(1);
    await page.addScriptTag({ content: await readFile(createRequire(import.meta.url).resolve('axe-core'), 'utf8') });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await opened.violations(), colorScheme).toEqual([]);
    }
    await opened.screenshot('5-dark');
    await page.emulateMedia({ colorScheme: 'light' });
  });

  it('goes on without a network, and opens again without its server', async () => {
    await page.evaluate(async () => {
      await navigator.serviceWorker.ready;
    });
    await opened.context.setOffline(true);
    await page.getByRole('button', { name: SMOKE.classes[2] }).click();
    await opened.said(`${SMOKE.classes[2]}.`);
    await opened.expectDecoded(out);
    await page.getByRole('button', { name: 'Generate' }).click();
    await opened.said('Generated: bluish.');

    await opened.served.close();
    await opened.context.setOffline(false);
    await page.reload();
    await opened.said(`${SMOKE.classes[0]}.`);
    await opened.expectDecoded(out);
    await opened.screenshot('6-without-server');
  });

  it('asks no other machine for anything, and has nothing to complain of', () => {
    expect(opened.problems).toEqual([]);
  });

  it('shows, edits and draws residual codes level by level', async () => {
    const residual = await writeVariant('residual', { codeDepth: 2 });
    const levels = await OpenPage.open(residual);
    try {
      const codesOf = async (level: string): Promise<number[]> => {
        await levels.page.getByLabel('Level').selectOption(level);
        return levels.codes();
      };
      await levels.page.getByRole('button', { name: 'Generate' }).click();
      await levels.said('Generated: reddish.');
      const [upper, lower] = [await codesOf('1 of 2'), await codesOf('2 of 2')];
      const joined = upper.flatMap((code, index) => [code, lower[index]!]);

      const models = await loadModels(join(folder, 'residual-run'));
      const sampler = createSampler(models.transformer!.model);
      const tokens = await sampler.sample({
        conditions: tf.tensor2d([[0]], [1, 1], 'int32'),
        seeds: [0],
        temperature: 0.9,
        topK: 32,
        guidance: { scale: 3, unconditional: tf.tensor2d([[3]], [1, 1], 'int32') },
      });
      expect(joined).toEqual([...(await tokens.data())]);
      sampler.dispose();
      models.dispose();

      await levels.expectDecoded(residual, joined);
      await levels.page.getByRole('button', { name: 'Next code' }).click();
      await levels.said('Row 1, column 1 is now code');
      await levels.expectDecoded(residual, joined.with(1, (lower[0]! + 1) % 32));
      expect(levels.problems).toEqual([]);
    } finally {
      await levels.close();
    }
  });

  it('draws whole images with a masked model, too, and paints with it', async () => {
    // Drawn as the run says that its images are.
    const drawing = { temperature: 0.9, topK: null, guidance: 3 };
    const masked = await OpenPage.open(await writeVariant('masked', { transformer: 'masked' }, drawing));
    try {
      await masked.page.getByLabel('Seed', { exact: true }).fill('3');
      await masked.page.getByRole('button', { name: 'Generate' }).click();
      await masked.said('Generated: reddish.');
      const models = await loadModels(join(folder, 'masked-run'));
      const sampler = createSampler(models.transformer!.model);
      const tokens = await sampler.sample({
        conditions: tf.tensor2d([[0]], [1, 1], 'int32'),
        seeds: [3],
        topK: 32,
        guidance: { scale: 2, unconditional: tf.tensor2d([[3]], [1, 1], 'int32') },
      });
      const codes = await masked.codes();
      expect(codes).toEqual([...(await tokens.data())]);
      sampler.dispose();
      models.dispose();
      await masked.page.getByRole('gridcell').nth(5).focus();
      await masked.page.keyboard.press('p');
      await masked.page.getByRole('button', { name: 'Another try' }).click();
      await masked.said('1 token is painted anew: reddish.');
      const after = await masked.codes();
      expect(after.with(5, codes[5]!)).toEqual(codes);
      expect(masked.problems).toEqual([]);
    } finally {
      await masked.close();
    }
  });

  it('says why a tokenizer alone generates nothing', async () => {
    const alone = await OpenPage.open(await writeVariant('alone', { transformer: 'none' }));
    try {
      await alone.page.getByText('These models are a tokenizer alone').waitFor();
      expect(await alone.page.getByRole('button', { name: 'Generate' }).count()).toBe(0);
      expect(await alone.page.getByRole('button', { name: 'Paint anew' }).count()).toBe(0);
      expect(alone.problems).toEqual([]);
    } finally {
      await alone.close();
    }
  });
});
