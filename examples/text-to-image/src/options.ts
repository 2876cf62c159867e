import { CommandLine } from '@vitvq/example-shared';
import type { EngineName } from '@vitvq/engine';
import { asCaption, promptProblems } from './captions.js';
import { DEFAULTS, type Settings } from './config.js';

export interface Request {
  readonly out: string;
  readonly engine: EngineName | 'auto';
  readonly threads: number | undefined;
  readonly fresh: boolean;
  /** As captions are written. They do not belong to the settings: a finished run draws others. */
  readonly prompts: readonly string[];
  readonly settings: Settings;
}

const engines = ['auto', 'onnx', 'tensorflow-gpu', 'tensorflow', 'cpu'] as const satisfies readonly (
  EngineName | 'auto'
)[];

const options = [
  {
    flags: '--prompt [text]',
    description: 'what to draw, several times if wanted, such as "a dark photo of a ship"; a finished run only draws',
    repeatable: true,
  },
  { flags: '--out [folder]', description: `where everything is written (default: ${DEFAULTS.out})` },
  {
    flags: '--run [folder]',
    description: `of npm run pipeline, to take its tokenizer (default: ${DEFAULTS.run} if it is there, else one is trained)`,
  },
  {
    flags: '--minutes [number]',
    description: `about how long it takes on two cores; scales trainings and data (default: ${DEFAULTS.minutes})`,
  },
  { flags: '--seed [integer]', description: `captions, initial weights, order, pictures (default: ${DEFAULTS.seed})` },
  { flags: '--engine [name]', description: `${engines.join(', ')} (default: auto)` },
  { flags: '--threads [number]', description: 'threads of the engine (default: its own choice)' },
  { flags: '--fresh', description: 'delete the run in --out and start over' },
  { flags: '--smoke', description: 'a few steps of tiny models on made-up images: a check that everything works' },
];

/**
 * The command line as a request; prints the help and ends the program for `--help`. Prompts are checked here, before anything is
 * trained.
 * @throws {UsageError} naming every problem at once
 */
export function parseArguments(argv: readonly string[]): Request {
  const line = new CommandLine(
    {
      name: 'text-to-image',
      usage: '[options]            (npm run text-to-image -- [options])',
      description:
        "Learns captions of CIFAR-10's images and draws what prompts ask for. Start it again to go on where it stopped.",
      options,
    },
    argv,
  );
  const smoke = line.flag('smoke');
  if (smoke && line.has('minutes')) line.problems.push('--smoke has its own length: leave out --minutes');
  if (smoke && line.has('run')) line.problems.push('--smoke trains its own tokenizer: leave out --run');
  const prompts = line.texts('prompt');
  line.problems.push(...prompts.flatMap((prompt) => promptProblems(prompt)));
  const request: Request = {
    out: line.text('out') ?? DEFAULTS.out,
    engine: line.oneOf('engine', engines) ?? 'auto',
    threads: line.number('threads', { minimum: 1 }),
    fresh: line.flag('fresh'),
    prompts: prompts.map((prompt) => asCaption(prompt)),
    settings: {
      seed: line.number('seed', { minimum: 0 }) ?? DEFAULTS.seed,
      minutes: line.number('minutes', { minimum: 0, whole: false }) ?? DEFAULTS.minutes,
      run: line.text('run') ?? null,
      smoke,
    },
  };
  line.finish();
  return request;
}
