import { commonOptions, outOption, readOptions, type EngineChoice } from '@vitvq/example-shared';
import { asCaption, promptProblems } from './captions.js';
import { DEFAULTS, type Settings } from './config.js';

/** What the command line asks for. */
export interface Request extends EngineChoice {
  readonly out: string;
  readonly fresh: boolean;
  /** Folder of one's own images and captions; undefined: CIFAR-10. */
  readonly data: string | undefined;
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
  const { out, data, engine, threads, fresh, prompt, seed, minutes, run, smoke } = readOptions(
    {
      name: 'text-to-image',
      description:
        'Learns captions of images and draws what prompts ask for. Start it again to go on where it stopped.',
      options: {
        prompt: {
          kind: 'texts',
          value: 'text',
          help: 'what to draw, several times if wanted, such as "a dark photo of a ship"; a finished run only draws',
        },
        out: outOption(DEFAULTS.out),
        data: {
          kind: 'folder',
          help: 'your own pictures with captions: x.txt beside x.jpg, one a line (default: CIFAR-10 and captions made of it)',
        },
        run: {
          kind: 'text',
          value: 'folder',
          help: `of npm run pipeline, to take its tokenizer (default: ${DEFAULTS.run} if it is there, else one is trained; with --data one is trained)`,
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
        // Words of one's own captions are known once they are read.
        ...(values.data === undefined ? values.prompt.flatMap((text) => promptProblems(text)) : []),
      ],
    },
    argv,
  );
  const prompts = prompt.map((text) => asCaption(text));
  const settings = { seed, minutes, run: run ?? null, smoke, ...(data !== undefined && { ownImages: true as const }) };
  return { out, data, engine, threads, fresh, prompts, settings };
}
