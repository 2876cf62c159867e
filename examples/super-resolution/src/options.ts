import { commonOptions, outOption, readOptions } from '@vitvq/example-shared';
import type { EngineName } from '@vitvq/engine';
import { DEFAULTS, SMOKE_IMAGES, type Settings } from './config.js';

/** What the command line asks for. */
export interface Request {
  readonly out: string;
  readonly data: string | undefined;
  readonly engine: EngineName | 'auto';
  readonly threads: number | undefined;
  readonly fresh: boolean;
  readonly settings: Settings;
}

/** @throws {UsageError} naming everything that is wrong */
export function parseArguments(argv: readonly string[]): Request {
  const { out, data, engine, threads, fresh, seed, minutes, scale, images, smoke } = readOptions(
    {
      name: 'super-resolution',
      description:
        'Draws large images from small ones, and compares with bicubic. Start it again to go on where it stopped.',
      options: {
        out: outOption(DEFAULTS.out),
        data: { kind: 'folder', help: 'your own pictures (default: CIFAR-10); a sub-folder is a class' },
        scale: {
          kind: 'choice',
          choices: ['2', '4'],
          default: DEFAULTS.scale,
          help: 'how many times larger the images become',
        },
        minutes: {
          kind: 'number',
          minimum: 0,
          default: DEFAULTS.minutes,
          help: 'how long both trainings take together',
        },
        images: { kind: 'integer', minimum: 20, default: DEFAULTS.images, help: 'test images that are measured' },
        ...commonOptions,
      },
      check: (values, isGiven) =>
        (['minutes', 'images', 'data'] as const)
          .filter((name) => values.smoke && isGiven(name))
          .map((name) => `--smoke has its own ${name}: leave out --${name}`),
    },
    argv,
  );
  const settings = {
    ...{ seed, minutes, scale: Number(scale), images: smoke ? SMOKE_IMAGES : images, smoke },
    ...(data !== undefined && { ownImages: true as const }),
  };
  return { out, data, engine, threads, fresh, settings };
}
