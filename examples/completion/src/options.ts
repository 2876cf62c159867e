import { CommandLine } from '@vitvq/example-shared';
import type { EngineName } from '@vitvq/engine';
import { COMPLETIONS, DEFAULTS, SMOKE, type Settings } from './config.js';

export interface Request {
  /** Undefined: models are made in `out`. */
  readonly run: string | undefined;
  readonly out: string;
  readonly engine: EngineName | 'auto';
  readonly threads: number | undefined;
  readonly settings: Settings;
}

const engines = ['auto', 'onnx', 'tensorflow-gpu', 'tensorflow', 'cpu'] as const satisfies readonly (
  EngineName | 'auto'
)[];

const options = [
  { flags: '--run [folder]', description: `of npm run pipeline, whose models complete (default: ${DEFAULTS.run})` },
  { flags: '--out [folder]', description: `where everything is written (default: ${DEFAULTS.out})` },
  {
    flags: '--images [number]',
    description: `in the report, each with ${COMPLETIONS.withClass + COMPLETIONS.withoutClass} completions (default: ${DEFAULTS.images})`,
  },
  { flags: '--seed [integer]', description: `other completions (default: ${DEFAULTS.seed})` },
  { flags: '--engine [name]', description: `${engines.join(', ')} (default: auto)` },
  { flags: '--threads [number]', description: 'threads of the engine (default: its own choice)' },
  { flags: '--smoke', description: 'tiny models, made in seconds, on made-up images: a check that everything works' },
];

/**
 * The command line as a request; prints the help and ends the program for `--help`.
 * @throws {UsageError} naming every problem at once
 */
export function parseArguments(argv: readonly string[]): Request {
  const line = new CommandLine(
    {
      name: 'completion',
      usage: '[options]            (npm run completion -- [options])',
      description: 'Completes the lower half of held-out images with the models of a run of npm run pipeline.',
      options,
    },
    argv,
  );
  const smoke = line.flag('smoke');
  if (smoke && line.has('run')) line.problems.push('--smoke makes its own models: leave out --run');
  const run = line.text('run') ?? DEFAULTS.run;
  const request: Request = {
    run: smoke ? undefined : run,
    out: line.text('out') ?? DEFAULTS.out,
    engine: line.oneOf('engine', engines) ?? 'auto',
    threads: line.number('threads', { minimum: 1 }),
    settings: {
      seed: line.number('seed', { minimum: 0 }) ?? DEFAULTS.seed,
      images: line.number('images', { minimum: 1 }) ?? (smoke ? SMOKE.images : DEFAULTS.images),
      smoke,
    },
  };
  line.finish();
  return request;
}
