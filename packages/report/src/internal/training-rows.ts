import type { EngineFacts, TrainingFacts } from '../report-facts.js';
import { formatDecimal, formatDuration, formatInteger } from './format.js';

/** Returns the rows of a table about an engine. */
export function engineRows({ name, reason, description, threads }: EngineFacts): string[][] {
  return [
    ['Engine', name],
    ...optionalRow('Chosen because', reason),
    ...optionalRow('Description', description),
    ...optionalRow('Threads', threads?.toString()),
  ];
}

/** Returns the rows of a table about a training. */
export function trainingRows(training: TrainingFacts): string[][] {
  const { steps, seconds, imagesPerSecond, compileSeconds, images, parameterCount } = training;
  return [
    ...optionalRow('Training speed', imagesPerSecond && `${formatDecimal(imagesPerSecond)} images per second`),
    ['Steps', `${formatInteger(steps)} in ${formatDuration(seconds)}`],
    ...optionalRow('Compilation', compileSeconds && formatDuration(compileSeconds)),
    ...optionalRow('Images seen', images && formatInteger(images)),
    ...optionalRow('Parameters', parameterCount && formatInteger(parameterCount)),
  ];
}

function optionalRow(name: string, value: string | number | undefined): string[][] {
  return value ? [[name, String(value)]] : [];
}
