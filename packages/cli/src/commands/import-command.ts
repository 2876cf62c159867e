import { promises as fs } from 'node:fs';
import { basename } from 'node:path';
import { ConfigError, DataError } from '@vitvq/core';
import type { QuantizerConfig, TokenizerConfig } from '@vitvq/stage1';
import { InvalidArgumentError, Option, type Command } from 'commander';

interface ImportOptions {
  readonly out: string;
  readonly part?: string;
  readonly ignore?: readonly string[];
  readonly config?: string;
  readonly imageSize?: number | readonly [number, number];
  readonly encoderHeads?: number;
  readonly decoderHeads?: number;
  readonly quantizer?: 'vector' | 'residual' | 'gumbel';
  readonly levels?: number;
  readonly normalize?: boolean;
}

/** `vitvq import <file>`: the tokenizer of a PyTorch checkpoint as a model folder. */
export function addImportCommand(program: Command): void {
  program
    .command('import')
    .description(
      'the tokenizer of a PyTorch checkpoint (ViT-VQGAN of enhancing-transformers, VQGAN of taming-transformers, LlamaGen) as a model folder',
    )
    .argument('<file>', 'a .ckpt, .pt or .pth file, or .safetensors; it is read, never run')
    .requiredOption('--out <folder>', 'where the model goes: config.json and model.safetensors')
    .option('--part <key>', 'key of the dictionary that holds the weights, where the file has several')
    .option('--ignore <classes...>', 'classes in the file to pass over, such as package.module.Class or package.*')
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
    .option('--levels <n>', 'levels of a residual quantizer', positive)
    .option('--normalize', 'codes are l2-normalised (default: yes, but no for taming-transformers)')
    .option('--no-normalize', 'codes are compared as they are')
    .action(importFile);
}

async function importFile(file: string, options: ImportOptions): Promise<void> {
  const { out, part, ignore, config: configFile, ...shape } = options;
  const { imageSize, encoderHeads, decoderHeads, normalize } = shape;
  const quantizer = quantizerOf(shape);
  const config = configFile === undefined ? undefined : await readConfig(configFile);
  const { openPyTorchCheckpoint, openSafetensors } = await import('@vitvq/checkpoint');
  await import('@tensorflow/tfjs');
  const { importTokenizer, saveTokenizer } = await import('@vitvq/stage1');
  const opened = file.endsWith('.safetensors')
    ? await openSafetensors(file)
    : await openPyTorchCheckpoint(file, { part, ignore });
  try {
    const hints = { imageSize, encoderHeads, decoderHeads, normalize, quantizer };
    const imported = await importTokenizer(opened, { config, hints });
    const { tokenizer, kind } = imported;
    await saveTokenizer(out, tokenizer, imported.config, { importedFrom: basename(file), layout: kind });
    const [rows, columns] = tokenizer.grid;
    process.stdout.write(
      `${kind}: ${tokenizer.parameterCount().toLocaleString('en')} parameters, ${rows}x${columns} tokens of ${tokenizer.vocabSize} codes\n` +
        `${JSON.stringify(imported.config, undefined, 2)}\nWrote ${out}\n`,
    );
    tokenizer.dispose();
  } finally {
    await opened.close();
  }
}

/** @throws {ConfigError} */
function quantizerOf({ quantizer, levels }: Pick<ImportOptions, 'quantizer' | 'levels'>): QuantizerConfig | undefined {
  if ((quantizer === 'residual') !== (levels !== undefined)) {
    throw new ConfigError({
      where: 'vitvq import',
      expected: '--levels with --quantizer residual, and only there',
      got: quantizer === 'residual' ? 'no --levels' : `--levels ${levels!}`,
    });
  }
  if (quantizer === 'residual') return { type: 'residual', levels: levels! };
  return quantizer && { type: quantizer };
}

/** `importTokenizer` checks what it says. @throws {DataError} */
async function readConfig(file: string): Promise<TokenizerConfig> {
  try {
    return JSON.parse(await fs.readFile(file, 'utf8')) as TokenizerConfig;
  } catch (error) {
    throw new DataError(
      { where: file, expected: 'a JSON file with the config of a tokenizer', got: (error as Error).message },
      { cause: error },
    );
  }
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('Expected a whole number of at least 1.');
  return value;
}

function size(text: string): number | readonly [number, number] {
  const [height, width, ...more] = text.split('x').map(positive);
  if (more.length > 0) throw new InvalidArgumentError('Expected pixels as 256 or 256x128.');
  return width === undefined ? height! : [height!, width];
}
