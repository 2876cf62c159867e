import { formatPercent } from '@vitvq/core';
import type { Engine } from '@vitvq/engine';
import {
  commandsSection,
  configSection,
  confusionTable,
  trainingSection,
  type CommandsBlock,
  type ReportContent,
} from '@vitvq/report';
import { logCurve, readTrainingLog } from '@vitvq/training';
import { classifierStage } from '../run-context.js';
import type { ClassifierContext, ClassifierResult } from '../stages/classifier-stage.js';

/** Most classes whose confusion a table shows. */
const shownClasses = 20;

/** Returns the report of a run that trained a classifier. */
export async function reportOfClassifier(
  { config, folder, images }: ClassifierContext,
  result: ClassifierResult,
  { engine, commands }: { readonly engine: Engine; readonly commands: CommandsBlock['commands'] },
): Promise<ReportContent> {
  const { classNames } = images.train;
  const { top1, top1Interval, top5, crossEntropy, confusion, heldOutImages } = result;
  const { steps, trainingSeconds: seconds, imagesPerSecond, parameterCount } = result;
  const log = await readTrainingLog(folder.of(classifierStage));
  const measured = `${heldOutImages.toLocaleString('en-US')} images of ${images.validation.name}`;
  const interval = `${formatPercent(top1Interval.low)} to ${formatPercent(top1Interval.high)}`;
  return {
    title: config.title,
    lead: `A vision transformer that tells ${classNames.length} classes apart, measured on ${measured}, none of which was trained on.`,
    summary: [
      { label: 'Top-1', value: formatPercent(top1), note: `95 % interval ${interval}` },
      { label: 'Top-5', value: formatPercent(top5) },
      {
        label: 'Cross-entropy',
        value: crossEntropy.toFixed(3),
        unit: 'nats',
        note: `${Math.log(classNames.length).toFixed(3)} for a guess`,
      },
    ],
    sections: [
      trainingSection({
        charts: [
          {
            title: 'Cross-entropy',
            xLabel: 'step',
            yLabel: 'nats',
            series: [
              { name: 'training', points: logCurve(log, 'step', 'crossEntropy') },
              { name: 'held-out', points: logCurve(log, 'evaluate', 'crossEntropy') },
            ],
          },
          {
            title: 'Top-1',
            xLabel: 'step',
            yLabel: 'fraction of held-out images',
            series: [{ name: 'held-out', points: logCurve(log, 'evaluate', 'top1') }],
          },
        ],
        training: {
          steps,
          seconds,
          imagesPerSecond,
          parameterCount,
          images: steps * config.classifier.training.batchSize,
        },
        engine,
      }),
      ...(classNames.length <= shownClasses
        ? [
            {
              title: 'Which classes are confused',
              blocks: [confusionTable({ confusion }, { classes: classNames, name: 'the classifier' })],
            },
          ]
        : []),
      configSection(config, { engine }),
      ...(commands.length > 0 ? [commandsSection(commands)] : []),
    ],
  };
}
