import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { madeUpImages } from '@vitvq/data';
import { writePng } from '@vitvq/report';
import { runProgram, type ProgramEnding } from '@vitvq/test-utils/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

let out: string;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'vitvq-text-to-image-'));
});
afterEach(async () => {
  await rm(out, { recursive: true, force: true });
});

/** Runs the program; `end`: sends it a signal once the output holds a text. */
function textToImage(argv: string[], end?: { at: string; signal: NodeJS.Signals }): Promise<ProgramEnding> {
  return runProgram(main, ['--smoke', '--engine', 'cpu', '--out', out, ...argv], end);
}

// It starts the program several times.
describe('text-to-image --smoke', { timeout: 180_000 }, () => {
  it('goes on after Ctrl-C, draws prompts of a finished run, and refuses what it cannot draw', async () => {
    const stopped = await textToImage([], { at: 'Stage 3 of 4', signal: 'SIGINT' });
    expect(stopped.output).toContain(`Stopped; everything is saved in ${out}`);
    expect(stopped.code).toBe(130);
    expect(await readdir(out)).not.toContain('metrics.json');

    const finished = await textToImage([]);
    expect(finished.output).toContain('Stage 2 of 4, codes: kept from an earlier start');
    expect(finished.code).toBe(0);
    const metrics = JSON.parse(await readFile(join(out, 'metrics.json'), 'utf8')) as Record<string, number>;
    for (const name of ['validationNatsPerToken', 'otherCaptionNatsPerToken', 'noCaptionNatsPerToken']) {
      expect(metrics[name], name).toBeGreaterThan(0);
    }
    for (const name of ['askedFraction', 'notAskedFraction']) {
      expect(metrics[name], name).toBeGreaterThanOrEqual(0);
      expect(metrics[name], name).toBeLessThanOrEqual(1);
    }
    expect(await readdir(out)).toEqual(expect.arrayContaining(['pictures.png', 'gpt-loss.png']));

    const drawn = await textToImage(['--prompt', 'A dark photo of a ship.']);
    expect(drawn.output).toContain('Stage 4 of 4, check: kept from an earlier start');
    expect(drawn.code).toBe(0);
    const html = await readFile(join(out, 'report.html'), 'utf8');
    for (const text of ['Your prompts', 'a dark photo of a ship', 'Do pictures carry what they were asked for?']) {
      expect(html).toContain(text);
    }
    expect(html).not.toMatch(/(src|href)="https?:/);
    expect(await readdir(out)).toContain('prompts.png');

    const words = Array.from({ length: 40 }, () => 'ship').join(' ');
    const tooLong = await textToImage(['--prompt', words]);
    expect(tooLong.output).toContain('expected at most 16 tokens of text, got 40');
    expect(tooLong.code).toBe(1);
    const unknown = await textToImage(['--prompt', 'a zebra']);
    expect(unknown.output).toContain('has words that no caption has');
    expect(unknown.code).toBe(2);
  });
});

/** Writes made-up images as PNG files, with captions beside all but the first. */
async function writePictures(folder: string, from = 0): Promise<void> {
  await mkdir(folder);
  const source = madeUpImages({ count: 20, imageSize: 80, from });
  for (let index = 0; index < source.length; index++) {
    const image = await source.read(index);
    if (!('pixels' in image)) throw new Error('made-up images are pixels');
    const { pixels: data, width, height } = image;
    await writePng(join(folder, `${from + index}.png`), { data, width, height });
    const name = source.classNames[source.labels[index]!]!;
    if (index > 0) await writeFile(join(folder, `${from + index}.txt`), `A ${name} Thing.\nA ${name} thing, noisy`);
  }
}

describe("text-to-image --smoke on one's own pictures", { timeout: 180_000 }, () => {
  it('learns their captions, wherever they lie, and draws what has their words', async () => {
    const at = (name: string): string => join(out, name);
    await writePictures(at('pictures'));
    const unknown = await textToImage(['--data', at('pictures'), '--prompt', 'a zebra']);
    expect(unknown.output).toMatch(/left out 0\.png: its caption/);
    expect(unknown.output).toContain('"zebra". Its words are a, bluish, greenish, noisy, reddish, thing');
    expect(unknown.code).toBe(2);
    expect(await readdir(out)).not.toContain('tokenizer');

    await rename(at('pictures'), at('moved'));
    const { code, output } = await textToImage([
      // 64x64 pixels are slow on the engine cpu.
      ...['--engine', 'auto', '--data', at('moved')],
      ...['--prompt', 'A noisy, reddish thing'],
    ]);
    expect(output).toContain('Captions: 17 of ');
    expect(output).toContain('Stage 3 of 3, gpt');
    expect(output).toContain("not measured: what is measured is known of CIFAR-10's captions alone");
    expect(code).toBe(0);
    const metrics = JSON.parse(await readFile(at('metrics.json'), 'utf8')) as Record<string, unknown>;
    expect(metrics).toMatchObject({ images: { train: 17, test: 2 }, settings: { ownImages: true } });
    expect(metrics).not.toHaveProperty('askedFraction');
    expect(metrics['validationNatsPerToken']).toBeGreaterThan(0);
    const model = JSON.parse(await readFile(join(at('gpt'), 'model', 'config.json'), 'utf8')) as object;
    // The longest caption, "a greenish thing noisy", has a token for each of its words.
    expect(JSON.stringify(model)).toContain('"length":4');
    const html = await readFile(at('report.html'), 'utf8');
    for (const text of ['Your prompts', 'a noisy reddish thing', 'Captions of held-out images']) {
      expect(html).toContain(text);
    }

    await writePictures(at('others'), 100);
    const refused = await textToImage(['--data', at('others')]);
    expect(refused.output).toContain('got other ones: data.train, data.validation');
    expect(refused.code).toBe(1);
  });
});
