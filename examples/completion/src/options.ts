import { commonOptions, outOption, readOptions, type EngineChoice } from '@vitvq/example-shared';
import { COMPLETIONS, DEFAULTS, SMOKE, type Settings } from './config.js';

/** What the command line asks for. */
export interface Request extends EngineChoice {
  /** Folder of a pipeline run; undefined: models are made in `out`. */
  readonly run: string | undefined;
  readonly out: string;
  /** Folder of one's own images; undefined: those that the run held out. */
  readonly data: string | undefined;
  readonly settings: Settings;
}

const { engine: engineOption, threads: threadsOption, seed: seedOption, smoke: smokeOption } = commonOptions;

/**
 * Reads the command line; prints the help and ends the program for `--help`.
 * @throws {UsageError} naming every problem at once
 */
export function parseArguments(argv: readonly string[]): Request {
  const { run, out, data, images, seed, engine, threads, smoke } = readOptions(
    {
      name: 'completion',
      description: 'Completes the lower half of images with the models of a run of npm run pipeline.',
      options: {
        run: {
          kind: 'text',
          value: 'folder',
          help: `of npm run pipeline, whose models complete (default: ${DEFAULTS.run})`,
        },
        out: outOption(DEFAULTS.out),
        data: { kind: 'folder', help: 'your own pictures to complete (default: those that the run held out)' },
        images: {
          kind: 'integer',
          minimum: 1,
          help: `in the report, each with ${COMPLETIONS.withClass + COMPLETIONS.withoutClass} completions (default: ${DEFAULTS.images})`,
        },
        seed: seedOption,
        engine: engineOption,
        threads: threadsOption,
        smoke: smokeOption,
      },
      check: (values, isGiven) =>
        values.smoke && isGiven('run') ? ['--smoke makes its own models: leave out --run'] : [],
    },
    argv,
  );
  const settings = { seed, images: images ?? (smoke ? SMOKE.images : DEFAULTS.images), smoke };
  return { run: smoke ? undefined : (run ?? DEFAULTS.run), out, data, engine, threads, settings };
}
