/**
 * Quickstart: trains a small ViT-VQGAN tokenizer (arXiv:2110.04627, stage 1) on CIFAR-10 or on your
 * own pictures, at first on squared error alone and then against a discriminator, measures it on
 * images that it has not seen, and writes a report. Everything that is learned, and how, stands in
 * configs/quickstart.yaml; this program gives its most used fields options of their own.
 *
 *   npm run quickstart            about 6 minutes on two cores; see README.md for what to expect
 *   npm run quickstart -- --data path/to/your/pictures
 *   npm run quickstart -- --help
 */
import '@tensorflow/tfjs';
import * as shared from '@vitvq/example-shared';
import { abortOnCtrlC, findModel, readRunConfig, shellCommand, trainRun, type ConfigObject } from '@vitvq/run';

const defaults = await readRunConfig('quickstart');

await shared.runProgram('quickstart', async () => {
  const { out, data, minutes, steps, loss, compare, seed, precision, fresh, smoke, ...choice } = shared.readOptions({
    name: 'quickstart',
    description: 'Trains an image tokenizer on CIFAR-10 or on your own pictures, then writes a report.',
    options: {
      out: shared.outOption('runs/quickstart'),
      data: { kind: 'folder', help: 'your own pictures, also in sub-folders (default: CIFAR-10)' },
      minutes: { kind: 'number', minimum: 0, help: `how long to train (default: ${minutesOf(defaults)})` },
      steps: { kind: 'integer', minimum: 1, help: 'train so many steps instead: the same numbers every time' },
      loss: { kind: 'choice', choices: ['full', 'l2'], default: 'full', help: 'with a discriminator, or l2 alone' },
      compare: { kind: 'folder', help: 'another run, whose reconstructions are shown as well' },
      precision: shared.precisionOption,
      ...shared.commonOptions,
    },
    check: (_, isGiven) => (isGiven('minutes') && isGiven('steps') ? ['--minutes and --steps exclude each other'] : []),
  });
  const training: ConfigObject = {
    ...(minutes !== undefined && { duration: { minutes } }),
    ...(steps !== undefined && { duration: { steps } }),
    ...(loss === 'l2' && { losses: { adversarial: 0, imageGradient: 0 }, discriminator: null }),
  };
  const config = await readRunConfig(smoke ? 'quickstart-smoke' : data === undefined ? 'quickstart' : 'photos', {
    changes: {
      seed,
      precision,
      ...shared.engineChanges(choice),
      tokenizer: { training },
    },
    ...(data !== undefined && { data: { kind: 'folder', path: data } }),
  });
  await trainRun(config, {
    out,
    fresh,
    view: shared.terminalView,
    signal: abortOnCtrlC(out),
    compare: compare && (await findModel(compare, 'tokenizer')),
    commands: [
      {
        purpose: 'Train longer',
        command: shellCommand(['npm', 'run', 'quickstart', '--', '--minutes', '30', '--out', `${out}-30`]),
      },
      {
        purpose: 'Train on your own pictures',
        command: 'npm run quickstart -- --data path/to/pictures --out runs/mine',
      },
      { purpose: 'Look at what there is', command: shellCommand(['npm', 'run', 'vitvq', '--', 'inspect', out]) },
    ],
  });
});

function minutesOf({ tokenizer }: typeof defaults): number {
  return 'training' in tokenizer && 'minutes' in tokenizer.training.duration
    ? tokenizer.training.duration.minutes
    : NaN;
}
