import { statSync } from 'node:fs';
import { optionName } from '@vitvq/cli';
import { CommandLine } from '@vitvq/example-shared';
import type { EngineName } from '@vitvq/engine';
import { DEFAULTS, SMOKE } from './config.js';

/** `full`: with a discriminator, and a perceptual term where its weights are given. `l2`: squared error and quantizer alone. */
export type LossName = 'full' | 'l2';

/** What decides the numbers of a run; a checkpoint keeps it. */
export interface Settings {
  /** `cifar10`, `synthetic`, or a folder of images. */
  readonly data: string;
  readonly imageSize: number;
  readonly patchSize: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly duration: { readonly minutes: number } | { readonly steps: number };
  readonly loss: LossName;
  /** Weights of the perceptual network, a safetensors file. */
  readonly lpips: string | null;
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
  /** Folder of another run, whose reconstructions are shown beside this one's. */
  readonly compare: string | undefined;
  /** With `resume`, those of the run that goes on count instead. */
  readonly settings: Settings;
}

const engines = ['auto', 'onnx', 'tensorflow-gpu', 'tensorflow', 'cpu'] as const satisfies readonly (
  EngineName | 'auto'
)[];
const losses = ['full', 'l2'] as const satisfies readonly LossName[];
const settingOptions = [
  'data',
  'imageSize',
  'patchSize',
  'batchSize',
  'learningRate',
  'minutes',
  'steps',
  'loss',
  'lpips',
  'seed',
  'strict',
  'smoke',
  'fresh',
];

const options = [
  { flags: '--out [folder]', description: `where everything is written (default: ${DEFAULTS.out})` },
  { flags: '--minutes [number]', description: `how long to train (default: ${DEFAULTS.minutes})` },
  { flags: '--steps [number]', description: 'train so many steps instead: the same numbers every time' },
  { flags: '--seed [integer]', description: `initial weights and order of the images (default: ${DEFAULTS.seed})` },
  {
    flags: '--data [folder]',
    description: 'your own pictures: PNG, JPEG or WebP, also in sub-folders (default: CIFAR-10)',
  },
  { flags: '--strict', description: 'refuse a folder with an image that cannot be used, instead of leaving it out' },
  {
    flags: '--loss [name]',
    description: 'full: with a discriminator; l2: squared error alone, blurred (default: full)',
  },
  {
    flags: '--lpips [file]',
    description: 'weights of the perceptual network, safetensors: adds the perceptual term (see README.md)',
  },
  {
    flags: '--image-size [pixels]',
    description: `images are cut square to this (default: ${DEFAULTS.cifar10.imageSize}; ${DEFAULTS.folder.imageSize} with --data)`,
  },
  {
    flags: '--patch-size [pixels]',
    description: `of a token (default: ${DEFAULTS.cifar10.patchSize}; ${DEFAULTS.folder.patchSize} with --data)`,
  },
  { flags: '--batch-size [images]', description: `images a step (default: ${DEFAULTS.batchSize})` },
  { flags: '--learning-rate [number]', description: `the highest one (default: ${DEFAULTS.learningRate})` },
  { flags: '--compare [folder]', description: 'show what the tokenizer of another run makes of the images as well' },
  { flags: '--engine [name]', description: `${engines.join(', ')} (default: auto)` },
  { flags: '--threads [number]', description: 'threads of the engine (default: its own choice)' },
  { flags: '--resume', description: 'go on with the run in --out where it stopped' },
  { flags: '--fresh', description: 'delete an unfinished run in --out and start again' },
  {
    flags: '--smoke',
    description: 'a few steps of a tiny model on made-up images: a check that everything works, in seconds',
  },
];

/**
 * The command line as a request; prints the help and ends the program for `--help`.
 * @throws {UsageError} naming every problem at once
 */
export function parseArguments(argv: readonly string[]): Request {
  const line = new CommandLine(
    {
      name: 'quickstart',
      usage: '[options]            (npm run quickstart -- [options])',
      description: 'Trains a ViT-VQ image tokenizer on CIFAR-10 or on your own pictures, then writes a report.',
      options,
    },
    argv,
  );
  const { problems } = line;
  const folder = line.text('data');
  if (folder !== undefined && !statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    problems.push(`--data must be a folder, and there is none at ${folder}`);
  }
  const lpips = line.text('lpips') ?? null;
  if (lpips !== null && !statSync(lpips, { throwIfNoEntry: false })?.isFile()) {
    problems.push(`--lpips must be a file, and there is none at ${lpips}`);
  }
  const compare = line.text('compare');
  if (compare !== undefined && !statSync(compare, { throwIfNoEntry: false })?.isDirectory()) {
    problems.push(`--compare must be a folder, and there is none at ${compare}`);
  }
  const smoke = line.flag('smoke');
  const sizes = folder !== undefined ? DEFAULTS.folder : smoke ? SMOKE.sizes : DEFAULTS.cifar10;
  const imageSize = line.number('imageSize', { minimum: 1 }) ?? sizes.imageSize;
  const patchSize = line.number('patchSize', { minimum: 1 }) ?? sizes.patchSize;
  if (imageSize % patchSize !== 0) {
    problems.push(`--image-size must be a multiple of the patch size ${patchSize}, not ${imageSize}`);
  }
  const loss = line.oneOf('loss', losses) ?? 'full';
  if (loss === 'full' && (!Number.isInteger(Math.log2(imageSize)) || imageSize < 8)) {
    problems.push(
      `--image-size must be 8, 16, 32, 64, ... for the discriminator, not ${imageSize}; --loss l2 does without one`,
    );
  }
  if (loss === 'l2' && lpips !== null) problems.push('--lpips is for --loss full');
  const steps = line.number('steps', { minimum: 1 }) ?? (smoke && !line.has('minutes') ? SMOKE.steps : undefined);
  const minutes = line.number('minutes', { minimum: 0, whole: false }) ?? DEFAULTS.minutes;
  if (line.has('steps') && line.has('minutes')) problems.push('--minutes and --steps exclude each other');
  const resume = line.flag('resume');
  const alsoGiven = settingOptions.filter((name) => line.has(name));
  if (resume && alsoGiven.length) {
    problems.push(
      `--resume goes on with the settings of the run, so leave out ${alsoGiven.map(optionName).join(', ')}`,
    );
  }
  const request: Request = {
    out: line.text('out') ?? DEFAULTS.out,
    engine: line.oneOf('engine', engines) ?? 'auto',
    threads: line.number('threads', { minimum: 1 }),
    resume,
    fresh: line.flag('fresh'),
    compare,
    settings: {
      data: folder ?? (smoke ? 'synthetic' : 'cifar10'),
      imageSize,
      patchSize,
      batchSize: line.number('batchSize', { minimum: 1 }) ?? (smoke ? SMOKE.batchSize : DEFAULTS.batchSize),
      learningRate: line.number('learningRate', { minimum: 0, whole: false }) ?? DEFAULTS.learningRate,
      duration: steps === undefined ? { minutes } : { steps },
      loss,
      lpips,
      seed: line.number('seed', { minimum: 0 }) ?? DEFAULTS.seed,
      strict: line.flag('strict'),
      smoke,
    },
  };
  line.finish();
  return request;
}
