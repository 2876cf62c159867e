import { basename } from 'node:path';
import type { Command } from 'commander';
import { holdWeights } from '../hold-weights.js';
import { loadOptional } from '../optional-package.js';
import { assertNothingReplaced } from './output-folder.js';
import { leftovers, missing, refuseUsage } from './usage.js';

interface ImportFeaturesFlags {
  readonly out?: string;
  readonly force?: boolean;
}

/** Adds `vitvq import-features <kind> <file> --out FOLDER`. */
export function addImportFeaturesCommand(program: Command): void {
  program
    .command('import-features')
    .description('the network of a metric (Inception, CLIP, DINOv2) from the file that the field uses, as a folder')
    .argument('[kind]', 'inception-v3-compat, clip-vit, open-clip-vit, dinov2 or vgg16-lpips')
    .argument('[file]', 'a .pth, .pt, .bin, .safetensors or .pb file; it is read, never run')
    .option('--out <folder>', 'where the folder goes (required)')
    .option('--force', 'replace a model that is there')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(importFeatures);
}

async function importFeatures(
  _kind: string | undefined,
  _file: string | undefined,
  { out, force = false }: ImportFeaturesFlags,
  command: Command,
): Promise<void> {
  const [kind, file] = command.args.filter((argument) => !argument.startsWith('-'));
  const required = { '<kind>': kind, '<file>': file, '--out <folder>': out };
  refuseUsage(command, [...missing(required), ...leftovers(command)]);
  const load = () => import('@vitvq/evaluation');
  const { featureExtractorKinds, importFeatureExtractor, saveFeatureExtractor } = await loadOptional(
    'import-features',
    '@vitvq/evaluation',
    load,
  );
  const kinds = Object.keys(featureExtractorKinds);
  const isKind = (name: string): name is keyof typeof featureExtractorKinds => kinds.includes(name);
  if (!isKind(kind!)) {
    refuseUsage(command, [`<kind> must be one of ${kinds.join(', ')}, not ${kind}`]);
    return;
  }
  if (!force) await assertNothingReplaced(out!, (name) => name === 'config.json' || name.startsWith('model.'));
  await holdWeights();
  const extractor = await importFeatureExtractor(kind, file!);
  try {
    await saveFeatureExtractor(out!, extractor, { metadata: { importedFrom: basename(file!) } });
    process.stdout.write(`${extractor.name}: weights ${extractor.hash}\nWrote ${out}\n`);
  } finally {
    extractor.dispose();
  }
}
