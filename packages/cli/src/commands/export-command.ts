import { existsSync, promises as fs } from 'node:fs';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import type { FoundModelFolders } from '@vitvq/checkpoint';
import { ConfigError } from '@vitvq/core';
import type { ExportedTransformer, ExportResult, VerifyOptions } from '@vitvq/export';
import type { AnyConditioner } from '@vitvq/transformers';
import type { LoadedTransformer } from '@vitvq/transformers/node';
import { loadOptional } from '../optional-package.js';
import { assertNothingReplaced } from './output-folder.js';
import { leftovers, missing, operand, refuseUsage } from './usage.js';
import { positive } from './values.js';

interface ExportFlags {
  readonly to: 'onnx';
  readonly out?: string;
  readonly force?: boolean;
  readonly weights: 'float32' | 'float16';
  readonly images?: string;
  readonly tokensPerStep?: number;
  readonly verify: boolean;
}

const tokenizerFiles: readonly string[] = ['encoder.onnx', 'decoder.onnx'];
/** Those of transformers of any kind. */
const transformerFiles: readonly string[] = ['prefill.onnx', 'decode-step.onnx', 'predict.onnx', 'masked-logits.onnx'];

/** Largest number of images of a folder that are used. */
const largestImageCount = 256;

/** Adds `vitvq export <run>`, which writes the models of a run as ONNX files. */
export function addExportCommand(program: Command): void {
  program
    .command('export')
    .description('the tokenizer and the transformer of a run as standard ONNX files, checked against the originals')
    .argument('[run]', 'folder of a run (runs/quickstart, runs/pipeline) or of one model')
    .addOption(new Option('--to <format>', 'file format').choices(['onnx']).default('onnx'))
    .option('--out <folder>', 'where to write (default: <run>/onnx)')
    .option('--force', 'replace files of an earlier export that are there')
    .addOption(
      new Option('--weights <type>', 'how weights are stored; float16 halves the files')
        .choices(['float32', 'float16'])
        .default('float32'),
    )
    .option(
      '--images <folder>',
      `images that the loss of PSNR is measured on, up to ${largestImageCount}; without, drawn pictures, of which it says little`,
    )
    .option('--tokens-per-step <n>', 'tokens that a step of an any-order model draws together (default: 1)', positive)
    .option('--no-verify', 'do not run the files and the originals side by side')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(exportRun);
}

async function exportRun(_run: string | undefined, flags: ExportFlags, command: Command): Promise<void> {
  const run = operand(command) ?? '';
  const { out = `${run}/onnx`, force = false, weights, images, tokensPerStep, verify } = flags;
  const idleImages = images !== undefined && !verify ? ['--images cannot be given with --no-verify'] : [];
  refuseUsage(command, [...missing({ '<run>': run }), ...leftovers(command), ...idleImages]);
  const { findModelFolders } = await import('@vitvq/checkpoint');
  const models = await findModelFolders(run);
  if (images !== undefined && models.tokenizer === undefined) {
    throw new ConfigError({ where: run, expected: 'a tokenizer, for which --images are', got: 'a transformer alone' });
  }
  if (tokensPerStep !== undefined) await assertAnyOrder(models, run);
  await makeRoom(out, models, force);
  const { useEngine } = await loadOptional('export', '@vitvq/engine', () => import('@vitvq/engine'));
  await import('@tensorflow/tfjs');
  const { describeCheck, exportTokenizer, exportTransformer } = await loadOptional(
    'export',
    '@vitvq/export',
    () => import('@vitvq/export'),
  );
  await useEngine();
  const report = ({ report: checked }: ExportResult): void => {
    for (const check of checked?.checks ?? []) process.stdout.write(`${describeCheck(check)}\n`);
  };
  const written: string[] = [];
  if (models.tokenizer !== undefined) {
    const { loadTokenizer } = await import('@vitvq/tokenizer/node');
    const tokenizer = await loadTokenizer(models.tokenizer);
    const options: VerifyOptions | false =
      verify && (images === undefined ? {} : { images: await readSomeImages(images, tokenizer.imageSize!) });
    report(await exportTokenizer(tokenizer, out, { weights, verify: options }));
    written.push(...tokenizerFiles);
    if (options) options.images?.dispose();
    tokenizer.dispose();
  }
  if (models.transformer !== undefined) {
    const { model, conditioner } = await loadExported(run, models.transformer);
    const options = { weights, tokensPerStep, verify: verify && {} };
    const result = await exportTransformer(model, conditioner, out, options);
    report(result);
    written.push(...filesOf(result.manifest.transformer!));
    model.dispose();
  }
  process.stdout.write(`Wrote ${written.join(', ')} and vitvq.json to ${out}\n`);
}

/**
 * Loads a transformer with its conditioner: of a run by its config, which names the network that
 * describes images where the model's own folder does not hold it.
 */
async function loadExported(run: string, folder: string): Promise<LoadedTransformer<AnyConditioner>> {
  if (existsSync(join(run, 'config.yaml'))) {
    const { loadRunTransformer, openRun } = await loadOptional('export', '@vitvq/run', () => import('@vitvq/run'));
    return loadRunTransformer(await openRun(run));
  }
  const { loadTransformer } = await import('@vitvq/transformers/node');
  return loadTransformer(folder);
}

/** Returns the names of the files of a transformer. */
function filesOf(transformer: ExportedTransformer): string[] {
  if (transformer.kind === 'masked') return [transformer.maskedLogits.file];
  const { prefill, decodeStep } = transformer;
  const predict = transformer.kind === 'raster' ? transformer.predict : undefined;
  return [prefill, decodeStep, ...(predict ? [predict] : [])].map(({ file }) => file);
}

/** @throws {ConfigError} unless the run has a transformer whose steps may draw several tokens */
async function assertAnyOrder({ transformer }: FoundModelFolders, run: string): Promise<void> {
  let got = 'no transformer';
  if (transformer !== undefined) {
    const { openModel } = await import('@vitvq/checkpoint');
    const model = await openModel(transformer);
    await model.close();
    if (model.type === 'any-order') return;
    got = `one of kind ${model.type}`;
  }
  const expected = 'an any-order transformer, for which --tokens-per-step is';
  throw new ConfigError({ where: run, expected, got });
}

/**
 * Refuses a folder with files of an earlier export, or removes those files if `force` is set and
 * the run has both models. Files of a model that the run does not have stay in either case.
 * @throws {DataError} naming what would be replaced
 */
async function makeRoom(out: string, { tokenizer, transformer }: FoundModelFolders, force: boolean): Promise<void> {
  const replaced = [
    ...(tokenizer === undefined ? [] : tokenizerFiles),
    ...(transformer === undefined ? [] : transformerFiles),
  ];
  if (!force) return assertNothingReplaced(out, (name) => replaced.includes(name));
  if (tokenizer === undefined || transformer === undefined) return;
  // If writing stops halfway, files of the earlier pair of models must not stay beside new ones.
  for (const name of ['vitvq.json', ...replaced]) await fs.rm(join(out, name), { force: true });
}

/**
 * Reads the images of a folder, or `largestImageCount` of them at equal distances, as
 * `[B, H, W, 3]` in [0, 1].
 */
async function readSomeImages(folder: string, imageSize: readonly [number, number]) {
  const { openImageFolder, readImages, subset } = await loadOptional(
    'export --images',
    '@vitvq/data',
    () => import('@vitvq/data'),
  );
  const tf = await import('@tensorflow/tfjs-core');
  const source = await openImageFolder(folder);
  const count = Math.min(source.length, largestImageCount);
  const spread = Array.from({ length: count }, (_, index) => Math.floor((index * source.length) / count));
  const { data, shape } = await readImages(subset(source, spread), { imageSize });
  return tf.tensor4d(data, [...shape]);
}
