import { CommandLine } from '@vitvq/example-shared';
import type { EngineName } from '@vitvq/engine';
import { DEFAULTS, MODELS, type Settings } from './config.js';

export interface Request {
  readonly out: string;
  readonly engine: EngineName | 'auto';
  readonly threads: number | undefined;
  readonly fresh: boolean;
  readonly settings: Settings;
}

const engines = ['auto', 'onnx', 'tensorflow-gpu', 'tensorflow', 'cpu'] as const satisfies readonly (
  EngineName | 'auto'
)[];

const options = [
  {
    flags: '--model [name]',
    description: 'gpt, or rq for residual codes and an RQTransformer (default: gpt; npm run rq-pipeline: rq)',
  },
  {
    flags: '--out [folder]',
    description: `where everything is written (default: ${DEFAULTS.out.gpt}, with --model rq ${DEFAULTS.out.rq})`,
  },
  {
    flags: '--minutes [number]',
    description: `about how long it takes on two cores; scales trainings and data (default: ${DEFAULTS.minutes})`,
  },
  {
    flags: '--seed [integer]',
    description: `initial weights, order of the images, samples (default: ${DEFAULTS.seed})`,
  },
  { flags: '--engine [name]', description: `${engines.join(', ')} (default: auto)` },
  { flags: '--threads [number]', description: 'threads of the engine (default: its own choice)' },
  { flags: '--fresh', description: 'delete the run in --out and start over' },
  { flags: '--smoke', description: 'a few steps of tiny models on made-up images: a check that everything works' },
];

/**
 * The command line as a request; prints the help and ends the program for `--help`.
 * @throws {UsageError} naming every problem at once
 */
export function parseArguments(argv: readonly string[]): Request {
  const line = new CommandLine(
    {
      name: 'pipeline',
      usage: '[options]            (npm run pipeline -- [options])',
      description: 'From CIFAR-10 to generated images and a linear probe. Start it again to go on where it stopped.',
      options,
    },
    argv,
  );
  const smoke = line.flag('smoke');
  if (smoke && line.has('minutes')) line.problems.push('--smoke has its own length: leave out --minutes');
  const model = line.oneOf('model', MODELS) ?? DEFAULTS.model;
  const request: Request = {
    out: line.text('out') ?? DEFAULTS.out[model],
    engine: line.oneOf('engine', engines) ?? 'auto',
    threads: line.number('threads', { minimum: 1 }),
    fresh: line.flag('fresh'),
    settings: {
      model,
      seed: line.number('seed', { minimum: 0 }) ?? DEFAULTS.seed,
      minutes: line.number('minutes', { minimum: 0, whole: false }) ?? DEFAULTS.minutes,
      smoke,
    },
  };
  line.finish();
  return request;
}
