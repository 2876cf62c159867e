import { commonOptions, outOption, readOptions, type EngineChoice } from '@vitvq/example-shared';
import { asCaption, promptProblems } from './captions.js';
import { DEFAULTS, type Settings } from './config.js';

/** What the command line asks for. */
export interface Request extends EngineChoice {
  readonly out: string;
  readonly fresh: boolean;
  /**
   * Prompts, as captions are written. They do not belong to the settings, so that a finished run
   * can draw others.
   */
  readonly prompts: readonly string[];
  readonly settings: Settings;
}

/**
 * Reads the command line; prints the help and ends the program for `--help`. Prompts are checked
 * here, before anything is trained.
 * @throws {UsageError} naming every problem at once
 */
export function parseArguments(argv: readonly string[]): Request {
  const { out, engine, threads, fresh, prompt, seed, minutes, run, smoke } = readOptions(
    {
      name: 'text-to-image',
      description:
        "Learns captions of CIFAR-10's images and draws what prompts ask for. Start it again to go on where it stopped.",
      options: {
        prompt: {
          kind: 'texts',
          value: 'text',
          help: 'what to draw, several times if wanted, such as "a dark photo of a ship"; a finished run only draws',
        },
        out: outOption(DEFAULTS.out),
        run: {
          kind: 'text',
          value: 'folder',
          help: `of npm run pipeline, to take its tokenizer (default: ${DEFAULTS.run} if it is there, else one is trained)`,
        },
        minutes: {
          kind: 'number',
          minimum: 0,
          default: DEFAULTS.minutes,
          help: 'about how long it takes on two cores; scales trainings and data',
        },
        ...commonOptions,
      },
      check: (values, isGiven) => [
        ...(values.smoke && isGiven('minutes') ? ['--smoke has its own length: leave out --minutes'] : []),
        ...(values.smoke && isGiven('run') ? ['--smoke trains its own tokenizer: leave out --run'] : []),
        ...values.prompt.flatMap((text) => promptProblems(text)),
      ],
    },
    argv,
  );
  const prompts = prompt.map((text) => asCaption(text));
  return { out, engine, threads, fresh, prompts, settings: { seed, minutes, run: run ?? null, smoke } };
}
