import '@tensorflow/tfjs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { loadClassifier } from '@vitvq/classifier/node';
import { ConfigError } from '@vitvq/core';
import { openDataSource, readImages } from '@vitvq/data';
import { writePng } from '@vitvq/report';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  inspect,
  isOfClassifier,
  openRun,
  readAnyRunConfig,
  readRunConfig,
  runJsonSchema,
  trainClassifierRun,
  type ClassifierRunConfig,
  type RunView,
} from '../src/index.js';

let folder: string;
let config: ClassifierRunConfig;
const at = (...names: string[]): string => join(folder, ...names);

async function configWith(set: readonly string[] = []): Promise<ClassifierRunConfig> {
  const read = await readAnyRunConfig('classifier-smoke', { set: ['engine=cpu', ...set] });
  if (!isOfClassifier(read)) throw new Error('expected the config of a classifier');
  return read;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-classifier-run-'));
  config = await configWith();
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Collects lines. */
function viewInto(lines: string[]): RunView {
  return {
    log: (line) => lines.push(line),
    openProgress: () => ({ update: () => undefined, say: (line) => lines.push(line), stop: () => undefined }),
  };
}

describe('trainClassifierRun', () => {
  it('trains, measures, saves the model and writes a report; a second call has nothing to do', async () => {
    const lines: string[] = [];
    const { metrics, result } = await trainClassifierRun(config, { out: at('run'), view: viewInto(lines) });
    expect(metrics).toMatchObject({ steps: 6, heldOutImages: 20, top5: 1 });
    expect(result.top1Interval.low).toBeLessThanOrEqual(result.top1);
    expect(result.top1Interval.high).toBeGreaterThanOrEqual(result.top1);
    expect(JSON.parse(await readFile(at('run', 'metrics.json'), 'utf8'))).toEqual(JSON.parse(JSON.stringify(metrics)));
    expect(await readFile(at('run', 'report.html'), 'utf8')).toContain('Which classes are confused');
    expect(lines.join('\n')).toMatch(/Classifier: {2}top-1 .* \(95 % interval .* to .*\), top-5 100 %, 20 images/);

    const { classifier, metadata } = await loadClassifier(at('run', 'classifier', 'model'));
    const images = await openDataSource(config.data.validation!);
    expect(classifier.config).toMatchObject({ classes: 3, classNames: images.classNames, pool: 'class-token' });
    expect(metadata).toMatchObject({ steps: '6' });
    // What the folder holds is what was measured: the average of the weights.
    const { data, shape } = await readImages(images, { imageSize: 32 });
    const best = tf.tidy(() => tf.argMax(classifier.logits(tf.tensor4d(data, [...shape])), 1).dataSync());
    const right = [...images.labels].filter((label, image) => best[image] === label).length;
    expect(right / 20).toBeCloseTo(result.top1, 10);
    classifier.dispose();

    const again: string[] = [];
    await trainClassifierRun(config, { out: at('run'), view: viewInto(again) });
    expect(again.join('\n')).toContain('kept from an earlier start');
    expect((await inspect(at('run'))).facts).toContainEqual(['classifier: Type', 'vit-classifier']);
    await expect(trainClassifierRun(await configWith(['model.dim=8']), { out: at('run') })).rejects.toThrow(
      'classifier.model.dim is 8, was 16',
    );
    await expect(openRun(at('run'))).rejects.toThrow('expected the config of a run with a tokenizer');
  }, 60_000);

  it('goes on where it was stopped, with the same result', async () => {
    const stop = new AbortController();
    const view: RunView = {
      log: () => undefined,
      openProgress: () => ({
        update: ({ step }) => {
          if (step === 3) stop.abort(new Error('stopped'));
        },
        say: () => undefined,
        stop: () => undefined,
      }),
    };
    await expect(trainClassifierRun(config, { out: at('stopped'), view, signal: stop.signal })).rejects.toThrow(
      'stopped',
    );
    const lines: string[] = [];
    const resumed = await trainClassifierRun(config, { out: at('stopped'), view: viewInto(lines) });
    expect(lines).toContainEqual('  going on after step 3');
    const straight = await trainClassifierRun(config, { out: at('straight') });
    expect(resumed.result.crossEntropy).toBe(straight.result.crossEntropy);
  }, 60_000);
});

describe('the config of a classifier', () => {
  it('is told from others, and has the short paths of --set', async () => {
    expect((await configWith(['training.batchSize=4', 'model.pool=mean'])).classifier).toMatchObject({
      training: { batchSize: 4 },
      model: { pool: 'mean' },
    });
    expect(isOfClassifier(await readAnyRunConfig('quickstart'))).toBe(false);
    await expect(readRunConfig('classifier')).rejects.toThrow('expected the config of a run with a tokenizer');
    expect(JSON.stringify(runJsonSchema())).toContain('"labelSmoothing"');
  });

  it('names every problem at once', async () => {
    const text = await configWith(['model.patchSize=5', 'model.pol=mean', 'training.labelSmoothing=2']).then(
      () => '',
      (error: unknown) => (error as Error).message,
    );
    expect(text).toContain('unknown option "classifier.model.pol" (did you mean "pool"?)');
    expect(text).toContain('classifier.training.labelSmoothing is 2');
    await expect(configWith(['model.patchSize=5'])).rejects.toThrow(
      'classifier.model.imageSize is 32: expected a multiple of patchSize 5x5',
    );
  });

  it('needs images of two classes', async () => {
    const none = await configWith(['data.train={ kind: folder, path: nowhere }']);
    await expect(trainClassifierRun(none, { out: at('none') })).rejects.toThrow('nowhere');
    const single = { ...config, data: { train: { kind: 'folder', path: at('plain') } as const } };
    await mkdir(at('plain'));
    for (const name of ['a', 'b', 'c']) {
      await writePng(at('plain', `${name}.png`), { data: new Uint8Array(8 * 8 * 3), width: 8, height: 8 });
    }
    await expect(trainClassifierRun(single, { out: at('none') })).rejects.toThrow(ConfigError);
    await expect(trainClassifierRun(single, { out: at('none') })).rejects.toThrow('images of two classes or more');
  });
});
