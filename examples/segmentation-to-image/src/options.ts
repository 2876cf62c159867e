import { commonOptions, outOption, readOptions } from '@vitvq/example-shared';
import type { EngineName } from '@vitvq/engine';
import { DEFAULTS, SMOKE, type Settings } from './config.js';

/** What the command line asks for. */
export interface Request {
  readonly out: string;
  readonly engine: EngineName | 'auto';
  readonly threads: number | undefined;
  readonly fresh: boolean;
  readonly settings: Settings;
}

/** @throws {UsageError} naming everything that is wrong */
export function parseArguments(argv: readonly string[]): Request {
  const { out, engine, threads, fresh, seed, minutes, images, smoke } = readOptions(
    {
      name: 'segmentation-to-image',
      description: 'Draws images from segmentation maps of painted scenes. Start it again to go on where it stopped.',
      options: {
        out: outOption(DEFAULTS.out),
        minutes: {
          kind: 'number',
          minimum: 0,
          default: DEFAULTS.minutes,
          help: 'how long both trainings take together',
        },
        images: { kind: 'integer', minimum: 20, default: DEFAULTS.images, help: 'test scenes that are measured' },
        ...commonOptions,
      },
      check: (values, isGiven) =>
        (['minutes', 'images'] as const)
          .filter((name) => values.smoke && isGiven(name))
          .map((name) => `--smoke has its own ${name}: leave out --${name}`),
    },
    argv,
  );
  return { out, engine, threads, fresh, settings: { seed, minutes, images: smoke ? SMOKE.images : images, smoke } };
}
