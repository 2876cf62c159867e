import { commonOptions, precisionOption, readOptions } from '@vitvq/example-shared';
import { DEFAULTS, MODELS, type ConfigRequest } from './config.js';

/** What the command line asks for. */
export interface Request extends ConfigRequest {
  readonly out: string;
  readonly fresh: boolean;
}

/** Name of the program in messages: `npm run rq-pipeline` is `npm run pipeline -- --model rq`. */
export type ProgramName = 'pipeline' | 'rq-pipeline';

/** Returns the name of the script of npm that started the program. */
export function programName(script = process.env['npm_lifecycle_event']): ProgramName {
  return script === 'rq-pipeline' ? 'rq-pipeline' : 'pipeline';
}

/**
 * Reads the command line; prints the help and ends the program for `--help`.
 * @throws {UsageError} naming every problem at once
 */
export function parseArguments(argv: readonly string[], name: ProgramName = 'pipeline'): Request {
  const { out, ...given } = readOptions(
    {
      name,
      description: 'From CIFAR-10 to generated images and a linear probe. Start it again to go on where it stopped.',
      options: {
        model: {
          kind: 'choice',
          choices: MODELS,
          default: name === 'rq-pipeline' ? 'rq' : DEFAULTS.model,
          help: 'gpt, or rq for residual codes and an RQTransformer',
        },
        out: {
          kind: 'text',
          value: 'folder',
          help: `where everything is written (default: ${DEFAULTS.out.gpt}, with --model rq ${DEFAULTS.out.rq})`,
        },
        data: { kind: 'folder', help: 'your own pictures, a sub-folder for each class (default: CIFAR-10)' },
        minutes: {
          kind: 'number',
          minimum: 0,
          default: DEFAULTS.minutes,
          help: 'about how long it takes on two cores; scales trainings and data',
        },
        precision: precisionOption,
        ...commonOptions,
      },
      check: ({ smoke }, isGiven) =>
        smoke && isGiven('minutes') ? ['--smoke has its own length: leave out --minutes'] : [],
    },
    argv,
  );
  return { out: out ?? DEFAULTS.out[given.model], ...given };
}
