import { promises as fs } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { ConfigError, DataError, printable } from '@vitvq/core';
import { assertWritableFolder } from '@vitvq/files';
import type { QuantizerHint, TokenizerConfig } from '@vitvq/tokenizer';
import type { ImportedTokenizer, ImportOptions } from '@vitvq/tokenizer/node';
import { optionName } from '../arguments.js';
import { holdWeights } from '../hold-weights.js';
import { assertNothingReplaced } from './output-folder.js';
import { leftovers, missing, operand, refuseUsage } from './usage.js';
import { positive, several } from './values.js';

/** Options for values that the shapes of the weights do not determine. */
interface HintFlags {
  readonly imageSize?: number | readonly [number, number];
  readonly encoderHeads?: number;
  readonly decoderHeads?: number;
  readonly quantizer?: 'vector' | 'residual' | 'gumbel';
  readonly codeDepth?: number;
  readonly normalize?: boolean;
}

/** Options for PyTorch files only. */
interface PyTorchFlags {
  readonly part?: string;
  readonly ignore?: readonly string[];
}

/** Options for transformers, whose shapes do not determine them. */
interface TransformerFlags {
  readonly grid?: readonly [number, number];
  readonly numHeads?: number;
  readonly classes?: number;
}

interface ImportFlags extends HintFlags, TransformerFlags, PyTorchFlags {
  readonly out?: string;
  readonly force?: boolean;
  readonly prefix?: string;
  readonly config?: string;
}

/**
 * Adds `vitvq import <file>`, which writes the tokenizer or transformer of a checkpoint of PyTorch
 * or Flax as a model folder.
 */
export function addImportCommand(program: Command): void {
  program
    .command('import')
    .description(
      'the tokenizer of a PyTorch checkpoint (ViT-VQGAN of enhancing-transformers, VQGAN of taming-transformers, LlamaGen), its transformer (LlamaGen, RAR), or the transformer of a Flax checkpoint (MaskGIT), as a model folder',
    )
    .argument(
      '[file]',
      'a .ckpt, .pt or .pth file, .safetensors or its .index.json, or a msgpack file of Flax; it is read, never run',
    )
    .option('--out <folder>', 'where the model goes: config.json and model.safetensors (required)')
    .option('--force', 'replace a model that is there')
    .option('--prefix <names>', 'what stands before the names of the tokenizer, such as first_stage_model.')
    .option('--part <key>', 'key of the dictionary that holds the weights, where a PyTorch file has several')
    .option(
      '--ignore <class>',
      'a class in a PyTorch file to pass over, as package.module.Class or package.*; may be given several times',
      several,
    )
    .option('--config <json>', 'a file with the config, instead of reading it off the shapes')
    .option('--image-size <pixels>', 'height and width, as 256 or 256x128', size)
    .option('--encoder-heads <n>', 'attention heads of a ViT encoder (default: heads of 64)', positive)
    .option('--decoder-heads <n>', 'attention heads of a ViT decoder (default: heads of 64)', positive)
    .addOption(
      new Option('--quantizer <type>', 'which quantizer the checkpoint was trained with (default: vector)').choices([
        'vector',
        'residual',
        'gumbel',
      ]),
    )
    .option('--code-depth <n>', 'codes a token of a residual quantizer', positive)
    .option('--normalize', 'codes are l2-normalised (default: yes, but no for taming-transformers)')
    .option('--no-normalize', 'codes are compared as they are')
    .option('--grid <tokens>', 'rows and columns of the tokens of a transformer, as 16 or 16x16', grid)
    .option('--num-heads <n>', 'attention heads of a transformer (default: those of the published model)', positive)
    .option('--classes <n>', 'classes of a transformer of MaskGIT (default: 1000)', positive)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(importFile);
}

async function importFile(_file: string | undefined, flags: ImportFlags, command: Command): Promise<void> {
  const { out = '', force = false, part, ignore } = flags;
  const file = operand(command) ?? '';
  refuseUsage(command, [
    ...missing({ '<file>': file, '--out <folder>': out }),
    ...leftovers(command),
    ...contradictions(file, flags),
  ]);
  await assertOut(file, out, force);
  await assertWritableFolder(out);
  const opened = await open(file, { part, ignore });
  try {
    const { transformerOriginOf } = await import('@vitvq/transformers/node');
    const isTransformer = flags.prefix === undefined && transformerOriginOf(opened) !== undefined;
    assertOptionsOf(isTransformer ? 'transformer' : 'tokenizer', file, flags);
    await (isTransformer ? importTransformerOf : importTokenizerOf)(opened, file, out, flags);
  } finally {
    await opened.close();
  }
}

type Opened = Awaited<ReturnType<typeof open>>;

async function importTransformerOf(
  opened: Opened,
  file: string,
  out: string,
  { grid: tokens, numHeads, classes }: TransformerFlags,
): Promise<void> {
  const { importTransformer, MissingTransformerHintError, saveTransformer } = await import('@vitvq/transformers/node');
  await holdWeights();
  const imported = importTransformer(opened, { hints: { grid: tokens, numHeads, classCount: classes } }).catch(
    (error: unknown) => {
      throw error instanceof MissingTransformerHintError ? withOptions(error, [hintFlags[error.hint]], '.') : error;
    },
  );
  const { model, conditioner, origin } = await imported;
  await saveTransformer(out, model, conditioner, { metadata: { importedFrom: basename(file), layout: origin } });
  const [rows, columns] = model.grid;
  const isOfClasses = 'classCount' in conditioner;
  const parameters = model.parameterCount() + (isOfClasses ? 0 : conditioner.parameterCount());
  const conditions = isOfClasses
    ? `${conditioner.classCount} classes`
    : `captions of up to ${conditioner.length} vectors of width ${conditioner.captionDim}`;
  process.stdout.write(
    `${origin}: ${parameters.toLocaleString('en')} parameters, ${conditions}, ` +
      `${rows}x${columns} tokens of ${model.vocabSize} codes\n` +
      `${JSON.stringify(model.config, undefined, 2)}\nWrote ${out}\n`,
  );
  model.dispose();
  if (!isOfClasses) conditioner.dispose();
}

async function importTokenizerOf(opened: Opened, file: string, out: string, flags: ImportFlags): Promise<void> {
  const { prefix, config: configFile } = flags;
  const options = configFile === undefined ? { hints: hintsOf(flags) } : { config: await readConfig(configFile) };
  await holdWeights();
  const { saveTokenizer } = await import('@vitvq/tokenizer/node');
  const { tokenizer, kind, config } = await importOpened(opened, { prefix, ...options });
  await saveTokenizer(out, tokenizer, config, { metadata: { importedFrom: basename(file), layout: kind } });
  const [rows, columns] = tokenizer.grid;
  process.stdout.write(
    `${kind}: ${tokenizer.parameterCount().toLocaleString('en')} parameters, ${rows}x${columns} tokens of ${tokenizer.vocabSize} codes\n` +
      `${JSON.stringify(config, undefined, 2)}\nWrote ${out}\n`,
  );
  tokenizer.dispose();
}

/** Describes options that cannot be combined, one message for each problem. */
function contradictions(file: string, flags: ImportFlags): string[] {
  const { quantizer, codeDepth, config } = flags;
  const isPyTorch = !/\.(safetensors|index\.json)$/i.test(file);
  const hints = given(flags, tokenizerHints);
  const ofPyTorch = given(flags, ['part', 'ignore']);
  return [
    ...(quantizer === 'residual' && codeDepth === undefined ? ['--quantizer residual needs --code-depth'] : []),
    ...(quantizer !== 'residual' && codeDepth !== undefined ? ['--code-depth needs --quantizer residual'] : []),
    ...(config !== undefined && hints.length > 0 ? [`${hints.join(', ')} cannot be given with --config`] : []),
    ...(!isPyTorch && ofPyTorch.length > 0 ? [`${ofPyTorch.join(', ')} can be given for files of PyTorch only`] : []),
  ];
}

/** Names of the options that give the hints of transformers. */
const hintFlags = { grid: 'grid', numHeads: 'numHeads', classCount: 'classes' } as const;

const tokenizerHints = ['imageSize', 'encoderHeads', 'decoderHeads', 'quantizer', 'codeDepth', 'normalize'] as const;

/** Returns those of some options that are given, as they are typed. */
function given(flags: ImportFlags, names: readonly (keyof ImportFlags)[]): string[] {
  return names.filter((name) => flags[name] !== undefined).map(optionName);
}

/**
 * Refuses options that have no effect on what a file holds.
 * @throws {ConfigError} naming them
 */
function assertOptionsOf(model: 'tokenizer' | 'transformer', file: string, flags: ImportFlags): void {
  const others = model === 'transformer' ? ([...tokenizerHints, 'config'] as const) : Object.values(hintFlags);
  const names = given(flags, others);
  if (names.length === 0) return;
  throw new ConfigError({
    where: file,
    expected: `options of a ${model}, which the file holds`,
    got: names.join(', '),
    fix: 'Leave them out.',
  });
}

/**
 * Refuses an output folder in which a model, or the imported file itself, would be replaced.
 * @throws {DataError} naming the folder
 */
async function assertOut(file: string, out: string, force: boolean): Promise<void> {
  const isModel = (name: string): boolean => name === 'config.json' || isModelFile(name);
  if (!force) return assertNothingReplaced(out, isModel);
  if (resolve(out) === dirname(resolve(file)) && isModel(basename(file))) {
    throw new DataError({
      where: out,
      expected: 'another folder than that of the file to import',
      got: `that of ${file}, which would be replaced`,
      fix: 'Choose another --out.',
    });
  }
}

function isModelFile(name: string): boolean {
  return /^model.*\.safetensors(\.index\.json)?$/.test(name);
}

/**
 * Imports a tokenizer.
 * @throws {ConfigError} naming the options of this command that give the missing values
 */
async function importOpened(opened: Opened, options: ImportOptions): Promise<ImportedTokenizer> {
  const { MissingHintError } = await import('@vitvq/tokenizer');
  const { importTokenizer } = await import('@vitvq/tokenizer/node');
  try {
    return await importTokenizer(opened, options);
  } catch (error) {
    if (!(error instanceof MissingHintError)) throw error;
    throw withOptions(error, error.hints, ', or give the whole config with --config.');
  }
}

/** Returns an error of missing hints that names the options which give them. */
function withOptions(error: ConfigError, hints: readonly string[], end: string): ConfigError {
  const { where, expected, got } = error;
  return new ConfigError(
    { where, expected, got, fix: `Add ${hints.map(optionName).join(', ')}${end}` },
    { cause: error },
  );
}

/**
 * Opens a file by its content, and says what of it is passed over.
 * @throws {DataError} when it cannot be read
 */
async function open(file: string, pyTorchFlags: PyTorchFlags) {
  const { openWeights } = await import('@vitvq/checkpoint');
  await assertNoFolder(file);
  if (isModelFile(basename(file))) await assertForeign(file, join(dirname(file), 'config.json'));
  const opened = await openWeights(file, pyTorchFlags);
  const ofPyTorch = given(pyTorchFlags, ['part', 'ignore']);
  if (!('values' in opened) && ofPyTorch.length > 0) {
    await opened.close();
    throw new ConfigError({
      where: file,
      expected: 'a file of PyTorch, which alone has parts and classes',
      got: ofPyTorch.join(', '),
      fix: 'Leave them out.',
    });
  }
  if (!('unread' in opened)) return opened;
  const { prefix, unread } = opened;
  if (prefix) process.stdout.write(`"${printable(prefix)}", which stands before all names, is left out of them\n`);
  for (const [name, reason] of unread) process.stdout.write(`Not read: ${printable(`${name}, ${reason}`)}\n`);
  return opened;
}

/**
 * Refuses a model that vitvq wrote.
 * @param model  the folder or the file that was named
 * @param configFile  the config.json of the folder, which need not be there
 * @throws {DataError} saying what can be done with the model
 */
async function assertForeign(model: string, configFile: string): Promise<void> {
  const { modelRoleOf, openModel } = await import('@vitvq/checkpoint');
  const folder = dirname(configFile);
  // Whatever cannot be opened is no model of ours; its import says what is wrong with it.
  const opened = await openModel(folder).catch(() => undefined);
  if (opened === undefined) return;
  await opened.close();
  const role = modelRoleOf(opened.type);
  throw new DataError({
    where: model,
    expected: 'the weights of another library',
    got: `a model of vitvq (${opened.type}), which needs no import`,
    fix: `Load it with ${role ? loaders[role] : 'openModel of @vitvq/checkpoint'}, or export it: vitvq export ${folder}.`,
  });
}

const loaders = {
  tokenizer: 'loadTokenizer of @vitvq/tokenizer/node',
  transformer: 'loadTransformer of @vitvq/transformers/node',
} as const;

/**
 * Refuses a folder.
 * @throws {DataError} naming the files in the folder that can be imported
 */
async function assertNoFolder(path: string): Promise<void> {
  const names = await fs.readdir(path).catch(() => undefined);
  if (names === undefined) return;
  if (names.includes('config.json')) await assertForeign(path, join(path, 'config.json'));
  const files = names
    .filter((name) => /\.(ckpt|pth?|safetensors|index\.json)$/.test(name))
    .map((name) => join(path, name));
  throw new DataError({
    where: path,
    expected: 'a file with the weights of another library',
    got: 'a folder',
    fix: files.length > 0 ? `To import a file of it, name that: ${files.slice(0, 3).join(', ')}.` : undefined,
  });
}

function hintsOf({
  imageSize,
  encoderHeads,
  decoderHeads,
  normalize,
  quantizer,
  codeDepth,
}: HintFlags): ImportOptions['hints'] {
  return { imageSize, encoderHeads, decoderHeads, normalize, quantizer: quantizerOf(quantizer, codeDepth) };
}

function quantizerOf(kind: HintFlags['quantizer'], codeDepth: number | undefined): QuantizerHint | undefined {
  return kind === 'residual' ? { kind, codeDepth: codeDepth! } : kind && { kind };
}

/**
 * Reads a config, which `importTokenizer` validates.
 * @throws {DataError} unless the file holds a JSON object
 */
async function readConfig(file: string): Promise<TokenizerConfig> {
  const { readJsonObject } = await import('@vitvq/checkpoint');
  const noun = 'a JSON file with the config of a tokenizer';
  const { value } = await readJsonObject(file, noun, { maximumBytes: 2 ** 20, maximumDepth: 64 });
  return value as unknown as TokenizerConfig;
}

function grid(text: string): readonly [number, number] {
  const [rows, columns, ...more] = text.split('x').map(positive);
  if (more.length > 0) throw new InvalidArgumentError('Expected tokens as 16 or 16x16.');
  return [rows!, columns ?? rows!];
}

function size(text: string): number | readonly [number, number] {
  const [height, width, ...more] = text.split('x').map(positive);
  if (more.length > 0) throw new InvalidArgumentError('Expected pixels as 256 or 256x128.');
  return width === undefined ? height! : [height!, width];
}
