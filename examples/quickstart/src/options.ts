import { statSync } from 'node:fs';
import { Command, Help } from 'commander';
import type { EngineName } from '@vitvq/engine';
import { DEFAULTS, SMOKE } from './config.js';

/** What decides the numbers of a run; a checkpoint keeps it. */
export interface Settings {
  /** `cifar10`, `synthetic`, or a folder of images. */
  readonly data: string;
  readonly imageSize: number;
  readonly patchSize: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly duration: { readonly minutes: number } | { readonly steps: number };
  readonly seed: number;
  /** Refuse a folder with an image that cannot be used, instead of doing without it. */
  readonly strict: boolean;
  readonly smoke: boolean;
}

export interface Request {
  readonly out: string;
  readonly engine: EngineName | 'auto';
  readonly threads: number | undefined;
  readonly resume: boolean;
  readonly fresh: boolean;
  /** With `resume`, those of the run that goes on count instead. */
  readonly settings: Settings;
}

/** The command line cannot be understood; the message lists everything that is wrong with it. */
export class UsageError extends Error {}

const engines = ['auto', 'onnx', 'tensorflow-gpu', 'tensorflow', 'cpu'] as const satisfies readonly (
  EngineName | 'auto'
)[];
const settingOptions = [
  'data',
  'imageSize',
  'patchSize',
  'batchSize',
  'learningRate',
  'minutes',
  'steps',
  'seed',
  'strict',
  'smoke',
  'fresh',
];

/** Values are optional for commander, so that a forgotten one is reported with all the other problems. */
function createCommand(): Command {
  const help = new Help();
  return new Command('quickstart')
    .usage('[options]            (npm run quickstart -- [options])')
    .description('Trains a ViT-VQ image tokenizer on CIFAR-10 or on your own pictures, then writes a report.')
    .option('--out [folder]', `where everything is written (default: ${DEFAULTS.out})`)
    .option('--minutes [number]', `how long to train (default: ${DEFAULTS.minutes})`)
    .option('--steps [number]', 'train so many steps instead: the same numbers every time')
    .option('--seed [integer]', `initial weights and order of the images (default: ${DEFAULTS.seed})`)
    .option('--data [folder]', 'your own pictures: PNG, JPEG or WebP, also in sub-folders (default: CIFAR-10)')
    .option('--strict', 'refuse a folder with an image that cannot be used, instead of leaving it out')
    .option(
      '--image-size [pixels]',
      `images are cut square to this (default: ${DEFAULTS.cifar10.imageSize}; ${DEFAULTS.folder.imageSize} with --data)`,
    )
    .option(
      '--patch-size [pixels]',
      `of a token (default: ${DEFAULTS.cifar10.patchSize}; ${DEFAULTS.folder.patchSize} with --data)`,
    )
    .option('--batch-size [images]', `images a step (default: ${DEFAULTS.batchSize})`)
    .option('--learning-rate [number]', `the highest one (default: ${DEFAULTS.learningRate})`)
    .option('--engine [name]', `${engines.join(', ')} (default: auto)`)
    .option('--threads [number]', 'threads of the engine (default: its own choice)')
    .option('--resume', 'go on with the run in --out where it stopped')
    .option('--fresh', 'delete an unfinished run in --out and start again')
    .option('--smoke', 'a few steps of a tiny model on made-up images: a check that everything works, in seconds')
    .configureHelp({ optionTerm: (option) => help.optionTerm(option).replace('[', '<').replace(']', '>') })
    .allowUnknownOption()
    .allowExcessArguments();
}

/**
 * The command line as a request; prints the help and ends the program for `--help`.
 * @throws {UsageError} naming every problem at once
 */
export function parseArguments(argv: readonly string[]): Request {
  const command = createCommand().parse([...argv], { from: 'user' });
  const given = command.opts<Record<string, string | boolean | undefined>>();
  const problems = unknownArguments(command.args);
  const text = (name: string): string | undefined => {
    const value = given[name];
    if (typeof value !== 'boolean') return value;
    problems.push(`${flag(name)} needs a value`);
    return undefined;
  };
  const number = (
    name: string,
    { minimum, whole = true }: { minimum: number; whole?: boolean },
  ): number | undefined => {
    const raw = text(name);
    if (raw === undefined) return undefined;
    const value = Number(raw);
    const fits =
      raw.trim() !== '' &&
      Number.isFinite(value) &&
      (whole ? Number.isSafeInteger(value) && value >= minimum : value > minimum);
    if (fits) return value;
    problems.push(
      `${flag(name)} must be ${whole ? `a whole number of at least ${minimum}` : `a number above ${minimum}`}, not ${raw}`,
    );
    return undefined;
  };

  const folder = text('data');
  if (folder !== undefined && !statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    problems.push(`--data must be a folder, and there is none at ${folder}`);
  }
  const smoke = given.smoke === true;
  const sizes = folder === undefined ? DEFAULTS.cifar10 : DEFAULTS.folder;
  const imageSize = number('imageSize', { minimum: 1 }) ?? sizes.imageSize;
  const patchSize = number('patchSize', { minimum: 1 }) ?? sizes.patchSize;
  if (imageSize % patchSize !== 0) {
    problems.push(`--image-size must be a multiple of the patch size ${patchSize}, not ${imageSize}`);
  }
  const steps = number('steps', { minimum: 1 }) ?? (smoke && given.minutes === undefined ? SMOKE.steps : undefined);
  const minutes = number('minutes', { minimum: 0, whole: false }) ?? DEFAULTS.minutes;
  if (given.steps !== undefined && given.minutes !== undefined)
    problems.push('--minutes and --steps exclude each other');
  const engine = text('engine') ?? 'auto';
  if (!isEngine(engine)) problems.push(`--engine must be one of ${engines.join(', ')}, not ${engine}`);
  const resume = given.resume === true;
  const alsoGiven = settingOptions.filter((name) => given[name] !== undefined);
  if (resume && alsoGiven.length) {
    problems.push(`--resume goes on with the settings of the run, so leave out ${alsoGiven.map(flag).join(', ')}`);
  }
  const request: Request = {
    out: text('out') ?? DEFAULTS.out,
    engine: isEngine(engine) ? engine : 'auto',
    threads: number('threads', { minimum: 1 }),
    resume,
    fresh: given.fresh === true,
    settings: {
      data: folder ?? (smoke ? 'synthetic' : 'cifar10'),
      imageSize,
      patchSize,
      batchSize: number('batchSize', { minimum: 1 }) ?? (smoke ? SMOKE.batchSize : DEFAULTS.batchSize),
      learningRate: number('learningRate', { minimum: 0, whole: false }) ?? DEFAULTS.learningRate,
      duration: steps === undefined ? { minutes } : { steps },
      seed: number('seed', { minimum: 0 }) ?? DEFAULTS.seed,
      strict: given.strict === true,
      smoke,
    },
  };
  if (problems.length)
    throw new UsageError(`${problems.map((problem) => `  ${problem}`).join('\n')}\nRun with --help for the options.`);
  return request;
}

/** What commander did not recognise; a value that follows an unknown option belongs to it. */
function unknownArguments(args: readonly string[]): string[] {
  return args.flatMap((argument, index) => {
    if (argument.startsWith('-')) return [`${argument} is not an option`];
    return args[index - 1]?.startsWith('-') ? [] : [`"${argument}" is not expected`];
  });
}

function flag(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function isEngine(name: string): name is (typeof engines)[number] {
  return (engines as readonly string[]).includes(name);
}
