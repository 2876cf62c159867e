import { CommandLine } from '@vitvq/example-shared';
import { DEFAULTS } from './config.js';

export interface Request {
  /** Undefined: the newest of the usual ones. */
  readonly run: string | undefined;
  readonly out: string;
  /** Folder of pictures to begin with; undefined: those that the run tells of. */
  readonly images: string | undefined;
  readonly weights: 'float32' | 'float16';
  /** Undefined: the page is written and not served. */
  readonly port: number | undefined;
  readonly smoke: boolean;
}

const options = [
  {
    flags: '--run [folder]',
    description: `whose models the page runs (default: the newest of ${DEFAULTS.runs.join(', ')})`,
  },
  { flags: '--out [folder]', description: `where the page is written (default: ${DEFAULTS.out})` },
  {
    flags: '--images [folder]',
    description:
      "pictures to begin with: PNG, JPEG or WebP (default: test images of CIFAR-10, if that is the run's data)",
  },
  { flags: '--weights [type]', description: 'float32, or float16: files of half the size (default: float32)' },
  {
    flags: '--port [number]',
    description: `where the page is served (default: ${DEFAULTS.port}, or a free one after it)`,
  },
  { flags: '--no-serve', description: 'only write the files: any server of static files will do' },
  {
    flags: '--smoke',
    description: 'models that know nothing, made in a moment, and --no-serve: a check that everything works',
  },
];

/**
 * The command line as a request; prints the help and ends the program for `--help`.
 * @throws {UsageError} naming every problem at once
 */
export function parseArguments(argv: readonly string[]): Request {
  const line = new CommandLine(
    {
      name: 'browser',
      usage: '[options]            (npm run browser -- [options])',
      description:
        'Writes a web page that runs the models of a run of npm run quickstart or npm run pipeline, and serves it.',
      options,
    },
    argv,
  );
  const smoke = line.flag('smoke');
  if (smoke && line.has('run')) line.problems.push('--smoke makes its own models: leave out --run');
  if (smoke && line.has('images')) line.problems.push('--smoke makes its own pictures: leave out --images');
  const port = line.number('port', { minimum: 0 }) ?? DEFAULTS.port;
  const request: Request = {
    run: line.text('run'),
    out: line.text('out') ?? DEFAULTS.out,
    images: line.text('images'),
    weights: line.oneOf('weights', ['float32', 'float16']) ?? 'float32',
    // Commander has `--no-serve` as `serve`, true where it is not given.
    port: line.flag('serve') && !smoke ? port : undefined,
    smoke,
  };
  line.finish();
  return request;
}
