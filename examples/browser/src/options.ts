import { commonOptions, outOption, readOptions } from '@vitvq/example-shared';
import { DEFAULTS } from './config.js';

/** What the command line asks for. */
export interface Request {
  /** Folder of a run; undefined: the newest of the usual ones. */
  readonly run: string | undefined;
  /** Folder of the masked model of the brush; undefined: that of the run, if it is masked. */
  readonly brush: string | undefined;
  readonly out: string;
  /** Folder of pictures to begin with; undefined: some that the run held out. */
  readonly data: string | undefined;
  readonly weights: 'float32' | 'float16';
  /** Port of the page; undefined: the page is written and not served. */
  readonly port: number | undefined;
  readonly smoke: boolean;
}

/**
 * Reads the command line; prints the help and ends the program for `--help`.
 * @throws {UsageError} naming every problem at once
 */
export function parseArguments(argv: readonly string[]): Request {
  const { run, brush, out, data, weights, port, noServe, smoke } = readOptions(
    {
      name: 'browser',
      description:
        'Writes a web page that runs the models of a run of npm run quickstart or npm run pipeline, and serves it.',
      options: {
        run: {
          kind: 'text',
          value: 'folder',
          help: `whose models the page runs (default: the newest of ${DEFAULTS.runs.join(', ')})`,
        },
        brush: {
          kind: 'text',
          value: 'folder',
          help: 'of a masked transformer of the same tokens, for the brush (default: that of the run, if it is masked)',
        },
        out: outOption(DEFAULTS.out),
        data: { kind: 'folder', help: 'your own pictures to begin with (default: some that the run held out)' },
        weights: {
          kind: 'choice',
          choices: ['float32', 'float16'],
          default: 'float32',
          help: 'type of the weights; files of float16 have half the size',
        },
        port: {
          kind: 'integer',
          minimum: 0,
          default: DEFAULTS.port,
          help: 'where the page is served; another free port if it is taken',
        },
        noServe: { kind: 'flag', help: 'only write the files: any server of static files will do' },
        smoke: { ...commonOptions.smoke, help: `${commonOptions.smoke.help}; with --no-serve` },
      },
      check: (values, isGiven) => [
        ...(values.smoke && isGiven('run') ? ['--smoke makes its own models: leave out --run'] : []),
        ...(values.smoke && isGiven('brush') ? ['--smoke makes its own models: leave out --brush'] : []),
        ...(values.smoke && isGiven('data') ? ['--smoke makes its own pictures: leave out --data'] : []),
      ],
    },
    argv,
  );
  return { run, brush, out, data, weights, port: noServe || smoke ? undefined : port, smoke };
}
