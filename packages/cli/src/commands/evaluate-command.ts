import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { loadOptional } from '../optional-package.js';
import { runCommand, withEngineOptions, type EngineFlags } from './run-command.js';
import { notNegative, positive, several } from './values.js';

interface EvaluateFlags extends EngineFlags {
  readonly data?: string;
  readonly images?: number;
  readonly generated?: number;
  readonly features?: string;
  readonly lpips?: readonly string[];
  readonly seed: number;
  readonly out?: string;
}

/** Adds `vitvq evaluate <run> --data FOLDER`. */
export function addEvaluateCommand(program: Command): void {
  withEngineOptions(
    program
      .command('evaluate')
      .description('what a run reaches on images that it has not seen: a card for each figure')
      .argument('[run]', 'folder of a run or of a model, or owner/name on a hub')
      .option('--data <source>', 'images: a folder, cifar10, or the config of a source (required)')
      .option('--images <n>', 'so many of the images, at equal distances', positive)
      .option('--generated <n>', 'images that the transformer draws to be measured; 0: none', notNegative)
      .option(
        '--features <folder>',
        "a feature extractor that `vitvq import-features` wrote, or proxy for a classifier trained on the run's images",
      )
      .option('--lpips <file>', 'weights of LPIPS; may be repeated for weights in two files', several)
      .option('--seed <n>', 'of everything that is drawn', notNegative, 0)
      .option('--out <folder>', 'write each card into a JSON file of this folder as well'),
  ).action((_run: string | undefined, flags: EvaluateFlags, command: Command) => evaluate(flags, command));
}

async function evaluate(flags: EvaluateFlags, command: Command): Promise<void> {
  const { data, images, generated, features, lpips, seed, out } = flags;
  await runCommand(command, flags, { required: { '--data <source>': data } }, async (context) => {
    const { run, path, view, signal, print } = context;
    const evaluation = await loadOptional('evaluate', '@vitvq/evaluation', () => import('@vitvq/evaluation'));
    const source = await run.dataFromText(data!);
    const options = { run: path, data: source, images, generated, features, lpips, seed, view, signal };
    const { cards, skipped } = await run.evaluate(options);
    if (out !== undefined) {
      await mkdir(out, { recursive: true });
      for (const card of cards) await evaluation.writeCard(join(out, `${card.subject}-${card.metric}.json`), card);
    }
    print({ cards, skipped }, [
      run.formatFigures(cards),
      ...(skipped.length === 0 ? [] : [`${skipped.length} unusable images were left out`]),
      ...(features === undefined ? ['For Fréchet distance and its kin, add --features: see docs/evaluation.md.'] : []),
    ]);
  });
}
