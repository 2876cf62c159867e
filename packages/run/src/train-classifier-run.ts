import { join } from 'node:path';
import { ConfigError, formatPercent } from '@vitvq/core';
import { deviceCountOf } from '@vitvq/engine';
import { writeJson, writeWhole } from '@vitvq/files';
import { writeReport } from '@vitvq/report';
import type { ClassifierRunConfig, ResolvedClassifierRunConfig } from './config/classifier-run-config.js';
import { formatRunConfig, resolveClassifierRunConfig } from './config/read-run-config.js';
import { reportOfClassifier } from './report/classifier-report.js';
import { classifierStage, modelFolder } from './run-context.js';
import { imagesFile, metricsFile, runConfigFile } from './run-files.js';
import { RunFolder } from './run-folder.js';
import { openLearnedImages, type LearnedImages } from './run-images.js';
import { silentView } from './run-progress.js';
import { settingsOfClassifier } from './run-settings.js';
import { assertSameImages } from './same-images.js';
import { classifierResultSchema, trainClassifier, type ClassifierResult } from './stages/classifier-stage.js';
import type { TrainedRun, TrainRunOptions } from './train-run.js';
import { withEngine } from './with-engine.js';

/** What a run that trains a classifier came to. */
export interface TrainedClassifierRun extends Omit<TrainedRun, 'results'> {
  readonly result: ClassifierResult;
}

/**
 * Trains the classifier that a config asks for, and writes a report. The same call goes on where an
 * earlier one was stopped or killed, also where the images lie elsewhere, as long as they are the
 * same.
 *
 * The folder holds `config.yaml` (the config with its defaults), `classifier/` with checkpoints and
 * the model folder `classifier/model`, `report.html` with its pictures, and `metrics.json`.
 * @throws {ConfigError} for a config with problems, naming all of them, for images without classes,
 *   and where the folder holds a run of another config or of other images
 * @throws {DataError} for images that cannot be read
 * @throws the signal's reason when it was aborted; everything is saved then
 */
export async function trainClassifierRun(
  given: ClassifierRunConfig,
  options: Omit<TrainRunOptions, 'compare'>,
): Promise<TrainedClassifierRun> {
  const { out, fresh = false, view = silentView, signal = new AbortController().signal } = options;
  const { commands = [], processes } = options;
  const config = resolveClassifierRunConfig(given);
  const folder = await RunFolder.open<typeof classifierStage>(out, {
    settings: settingsOfClassifier(config),
    stages: [classifierStage],
    fresh,
    outcome: [metricsFile, imagesFile, runConfigFile, 'report.html', 'training-1.png', 'training-2.png'],
    log: view.log,
  });
  try {
    return await withEngine({ config, processes, view, signal }, async (engine) => {
      const images = await openLearnedImages(config, view, signal);
      assertClasses(images);
      await folder.begin();
      await assertSameImages(out, { train: images.train, validation: images.validation });
      await writeWhole(join(out, runConfigFile), `${formatRunConfig(config)}\n`);
      const context = { config, folder, images, view, signal };
      const { result, seconds } = await folder.stage(classifierStage, classifierResultSchema, () =>
        trainClassifier(context),
      );
      const report = await writeReport(out, await reportOfClassifier(context, result, { engine, commands }));
      const { confusion: _confusion, ...figures } = result;
      const metrics = {
        ...figures,
        seconds: { [classifierStage]: seconds, total: seconds },
        engine: engine.name,
        threads: engine.threads,
        devices: deviceCountOf(engine.mesh),
        skippedImages: images.skipped.length,
        settings: config,
      };
      const file = join(out, metricsFile);
      await writeJson(file, metrics);
      view.log(['', ...linesOf(result, config, out), `Report:      ${report}`, `Numbers:     ${file}`].join('\n'));
      return { result, metrics, report, metricsFile: file };
    });
  } finally {
    await folder.close();
  }
}

function linesOf(
  { top1, top1Interval: { low, high }, top5, heldOutImages }: ClassifierResult,
  { title }: ResolvedClassifierRunConfig,
  out: string,
): string[] {
  return [
    title,
    `Classifier:  top-1 ${formatPercent(top1)} (95 % interval ${formatPercent(low)} to ${formatPercent(high)}), ` +
      `top-5 ${formatPercent(top5)}, ${heldOutImages} images`,
    `Model:       ${join(out, classifierStage, modelFolder)}`,
  ];
}

/** @throws {ConfigError} for images without two classes */
function assertClasses({ train }: LearnedImages): void {
  const { length } = train.classNames;
  if (length > 1) return;
  throw new ConfigError({
    where: `data.train (${train.name})`,
    expected: 'images of two classes or more, which a classifier tells apart',
    got: length === 0 ? 'images without classes' : 'one class',
    fix: 'A sub-folder is a class.',
  });
}
