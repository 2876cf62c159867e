import type { SampleOptions } from '@vitvq/run';
import type { Command } from 'commander';
import { dataHelp, runHelp } from './help-texts.js';
import { assertNothingReplaced } from './output-folder.js';
import {
  loadRun,
  print,
  runCommand,
  skippedLine,
  untilStopped,
  viewOf,
  withEngineOptions,
  type EngineFlags,
} from './run-command.js';
import { leftovers, missing, refuseUsage } from './usage.js';
import { notNegative, number, positive, several } from './values.js';

interface SampleFlags extends EngineFlags {
  readonly force?: boolean;
  readonly count?: number;
  readonly out?: string;
  readonly class?: readonly string[];
  readonly prompt?: readonly string[];
  readonly like?: string;
  readonly npz?: string;
  readonly seed: number;
  readonly guidance?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly temperature?: number;
  readonly candidates?: number;
  readonly sureEnough?: number;
  readonly steps?: number;
  readonly choice?: string;
  readonly tokensPerStep?: number;
  readonly order?: string;
}

interface ReconstructFlags extends EngineFlags {
  readonly force?: boolean;
  readonly data?: string;
  readonly out?: string;
  readonly count: number;
}

interface ProbeFlags extends EngineFlags {
  readonly data?: string;
  readonly test?: string;
  readonly images?: number;
  readonly testImages?: number;
  readonly attention?: boolean;
  readonly seed: number;
}

interface UnpackFlags {
  readonly force?: boolean;
  readonly data?: string;
  readonly out?: string;
  readonly images?: number;
  readonly size?: number;
  readonly json?: boolean;
}

/** Adds the commands that use the models of a run, and `vitvq unpack`. */
export function addModelCommands(program: Command): void {
  program
    .command('unpack')
    .description('the images of a source (CIFAR-10, shards, a database) as PNG files, a folder for each class')
    .option('--data <source>', dataHelp)
    .option('--out <folder>', 'where the files go (required)')
    .option('--force', 'write beside pictures that are there, and replace those of the same names')
    .option('--images <n>', 'so many of the images, at equal distances', positive)
    .option('--size <pixels>', 'height and width, for images of different sizes (default: 256)', positive)
    .option('--json', 'print the result as one JSON object')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(unpack);
  withEngineOptions(
    program
      .command('sample')
      .description('images that the transformer of a run draws, as PNG files')
      .argument('[run]', runHelp)
      .option('--count <n>', 'number of images (required)', positive)
      .option('--out <folder>', 'where the files go (required)')
      .option('--force', 'write beside pictures that are there, and replace those of the same names')
      .option('--class <name>', 'name or number of a class; may be repeated (default: all in turn)', several)
      .option('--npz <file>', 'the same images in one file as well, as the evaluator of ADM reads them')
      .option('--prompt <text>', 'what a model of texts, or of vectors of texts, draws; may be repeated', several)
      .option('--like <folder>', 'pictures that a model of vectors of images draws after')
      .option('--seed <n>', 'of the first image; the next one has the next seed', notNegative, 0)
      .option('--guidance <x>', 'strength of classifier-free guidance', number)
      .option('--top-k <n>', 'draw from the so many most likely codes', positive)
      .option('--top-p <x>', 'draw from the most likely codes of this probability together', number)
      .option('--temperature <x>', 'below 1: more of what is likely', number)
      .option('--candidates <n>', 'draw so many for each image, and keep that whose class is surest', positive)
      .option('--sure-enough <p>', 'draw no further candidate where one has its class with this probability', number)
      .option('--steps <n>', 'steps of a masked model', positive)
      .option('--choice <name>', 'which tokens a masked model keeps: confidence, random, halton')
      .option('--tokens-per-step <n>', 'tokens that an any-order model draws together', positive)
      .option('--order <name>', 'order of an any-order model: random, halton, raster'),
  ).action((_run: string | undefined, flags: SampleFlags, command: Command) => sample(flags, command));
  withEngineOptions(
    program
      .command('reconstruct')
      .description('images to codes and back, as PNG files, and each beside its original')
      .argument('[run]', runHelp)
      .option('--data <source>', dataHelp)
      .option('--out <folder>', 'where the files go (required)')
      .option('--force', 'write beside pictures that are there, and replace those of the same names')
      .option('--count <n>', 'so many of the images, at equal distances', positive, 24),
  ).action((_run: string | undefined, flags: ReconstructFlags, command: Command) => reconstruct(flags, command));
  withEngineOptions(
    program
      .command('probe')
      .description('what the frozen models know of classes: a linear probe of every block, with baselines')
      .argument('[run]', runHelp)
      .option('--data <source>', 'images with classes to learn from; the models should not have seen them (required)')
      .option('--test <source>', 'images to test on (default: a fifth of --data)')
      .option('--images <n>', 'so many of the images to learn from', positive)
      .option('--test-images <n>', 'so many of the images to test on', positive)
      .option('--attention', 'probe the best block with attentive pooling as well')
      .option('--seed <n>', 'decides which images choose penalties', notNegative, 0),
  ).action((_run: string | undefined, flags: ProbeFlags, command: Command) => probe(flags, command));
}

/**
 * Refuses a folder with pictures, which would be replaced or taken for new ones.
 * @throws {DataError}
 */
async function assertNoPictures(out: string, { force = false }: { readonly force?: boolean }): Promise<void> {
  if (!force) await assertNothingReplaced(out, (name) => /\.png$|^samples\.json$/.test(name));
}

async function unpack(flags: UnpackFlags, command: Command): Promise<void> {
  const { data, out, images, size } = flags;
  refuseUsage(command, [...missing({ '--data <source>': data, '--out <folder>': out }), ...leftovers(command)]);
  const run = await loadRun('unpack');
  await assertNoPictures(out!, flags);
  const source = await run.dataFromText(data!, 'train');
  const signal = run.abortOnCtrlC(undefined, 'stopping');
  const view = viewOf(flags);
  await untilStopped(run, view, async () => {
    const result = await run.unpack({ data: source, out: out!, images, imageSize: size, view, signal });
    const { images: written, classes, skipped } = result;
    print(flags, result, [
      `${written} images of ${classes.length > 1 ? `${classes.length} classes` : 'one class'} in ${out}`,
      ...skippedLine(skipped),
    ]);
  });
}

async function sample(flags: SampleFlags, command: Command): Promise<void> {
  const { count, out, class: classes, prompt: prompts, like, npz, seed, guidance, topK, topP } = flags;
  const { temperature, candidates, sureEnough } = flags;
  const required = { '--count <n>': count === undefined ? undefined : String(count), '--out <folder>': out };
  await runCommand(command, flags, { required }, async ({ run, path, view, signal, print: show }) => {
    await assertNoPictures(out!, flags);
    const decoding = decodingOf(flags);
    const asked = { classes, prompts, like, npz, seed };
    const choices = { guidanceScale: guidance, topK, topP, temperature, candidates, sureEnough, decoding };
    const result = await run.sample({ run: path, count: count!, out: out!, ...asked, ...choices, view, signal });
    show(result, [`${result.images.length} images in ${out}`, `Side by side: ${result.grid}`]);
  });
}

/** The decoding that was asked for, which the model's sampler checks; undefined for none. */
function decodingOf({ steps, choice, tokensPerStep, order }: SampleFlags): SampleOptions['decoding'] {
  const asked = Object.entries({ steps, choice, tokensPerStep, order }).filter(([, value]) => value !== undefined);
  return asked.length === 0 ? undefined : Object.fromEntries(asked);
}

async function reconstruct(flags: ReconstructFlags, command: Command): Promise<void> {
  const { data, out, count } = flags;
  const required = { '--data <source>': data, '--out <folder>': out };
  await runCommand(command, flags, { required }, async ({ run, path, view, signal, print: show }) => {
    const source = await run.dataFromText(data!);
    await assertNoPictures(out!, flags);
    const result = await run.reconstruct({ run: path, data: source, out: out!, count, view, signal });
    show(result, [
      `PSNR ${result.psnr.toFixed(2)} dB on ${result.images} images`,
      ...skippedLine(result.skipped),
      `Side by side: ${result.comparison}`,
    ]);
  });
}

async function probe(flags: ProbeFlags, command: Command): Promise<void> {
  const { data, test, images, testImages, attention, seed } = flags;
  await runCommand(command, flags, { required: { '--data <source>': data } }, async (context) => {
    const { run, path, view, signal, print: show } = context;
    const sources = {
      data: await run.dataFromText(data!, 'train'),
      ...(test !== undefined && { test: await run.dataFromText(test) }),
    };
    const result = await run.probe({ run: path, ...sources, images, testImages, attention, seed, view, signal });
    const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
    show(result, [
      ...result.blocks.map(({ block, top1, interval: { low, high }, top5, nearestTop1 }) =>
        [
          block.padEnd(24),
          `top-1 ${percent(top1).padStart(7)}`,
          `(${percent(low)} to ${percent(high)})`,
          `top-5 ${percent(top5)}`,
          ...(nearestTop1 === null ? [] : [`nearest neighbours ${percent(nearestTop1)}`]),
        ].join('  '),
      ),
      `Best of the transformer, chosen on validation images: ${result.best}`,
      ...(result.attention === null
        ? []
        : [`${result.attention.block} with attentive pooling: top-1 ${percent(result.attention.top1)}`]),
      ...result.warnings.map((warning) => `Warning: ${warning}`),
    ]);
  });
}
