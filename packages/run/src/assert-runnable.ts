import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openModel } from '@vitvq/checkpoint';
import { ConfigError, DataError, skipInitialization, toSize2D } from '@vitvq/core';
import { createTransformer, learnsOrders, type AnyConditioner } from '@vitvq/transformers';
import { captionsOf } from './captions.js';
import type { ResolvedRunConfig, ResolvedTransformerStage } from './config/run-config.js';
import type { RunImages } from './run-images.js';
import { conditionFitOf } from './stages/transformer-stage.js';
import { tokensOf } from './tokens-of.js';

/**
 * Refuses a run that would fail later, before anything is trained: images without the classes or
 * captions that it asks for, files that are not there.
 * @param compare  model folder of the tokenizer that the report shows beside the run's own
 * @throws {ConfigError} @throws {DataError}
 */
export async function assertRunnable(
  config: ResolvedRunConfig,
  images: RunImages,
  compare: string | undefined,
): Promise<void> {
  assertFilesExist(config);
  assertClassesFit(config, images);
  if (compare !== undefined) await assertComparable(config, compare);
  const { condition } = config.transformer ?? {};
  if (condition?.kind === 'text' || (condition?.kind === 'features' && condition.of === 'captions')) {
    [images.train, images.validation].forEach(captionsOf);
  }
}

/**
 * Refuses a transformer that cannot be built for the tokenizer and the conditions of its run,
 * before anything is trained.
 * @throws {ConfigError} @throws {DataError}
 */
export async function assertTransformerFits(
  config: ResolvedRunConfig,
  { model, training }: ResolvedTransformerStage,
  conditioner: AnyConditioner,
): Promise<void> {
  const tokens = await tokensOf(config);
  // Builds the transformer without drawing its weights: what does not fit is told here.
  const built = skipInitialization((key) =>
    createTransformer(model, { ...tokens, ...conditionFitOf(conditioner), key }),
  );
  built.dispose();
  if (training.orderAnnealing && !learnsOrders(built)) {
    throw new ConfigError({
      where: 'transformer.training.orderAnnealing',
      expected: 'none for a model that takes no orders; kind rar does',
      got: `kind ${model.kind}`,
      fix: 'So does kind any-order. Leave it out for others.',
    });
  }
}

/** @throws {DataError} naming every file and folder that is not there */
function assertFilesExist({ tokenizer, transformer, evaluation }: ResolvedRunConfig): void {
  const { condition } = transformer ?? {};
  const named = {
    'tokenizer.training.perceptual': 'from' in tokenizer ? null : tokenizer.training.perceptual,
    'tokenizer.training.alignment': 'from' in tokenizer ? null : tokenizer.training.alignment,
    'transformer.condition.tokenizer': condition && 'tokenizer' in condition ? condition.tokenizer : null,
    'transformer.condition.network': condition?.kind === 'features' ? condition.network : null,
    'transformer.condition.textNetwork': condition?.kind === 'features' ? condition.textNetwork : null,
    'evaluation.features': evaluation?.features,
    'evaluation.lpips': evaluation?.lpips,
  };
  const missing = Object.entries(named).flatMap(([name, paths]) =>
    [paths ?? []].flat().flatMap((path) => (existsSync(path) ? [] : [`${name}: ${path}`])),
  );
  if (missing.length === 0) return;
  throw new DataError({
    where: 'the config of the run',
    expected: 'files and folders that are there',
    got: `none at ${missing.join(', ')}`,
  });
}

/** @throws {ConfigError} where classes are asked for and the images have none */
function assertClassesFit({ probe, transformer }: ResolvedRunConfig, { train }: RunImages): void {
  const { length } = train.classNames;
  const asks = [
    ...(transformer?.condition?.kind === 'class' ? ['transformer.condition asks for classes'] : []),
    ...(probe ? ['probe asks for classes'] : []),
  ];
  if (length > 1 || asks.length === 0) return;
  throw new ConfigError({
    where: `data.train (${train.name})`,
    expected: `images of two classes or more: ${asks.join(', and ')}`,
    got: length === 0 ? 'images without classes' : 'one class',
    fix: 'A sub-folder is a class. Without classes, set probe=null.',
  });
}

/** @throws {ConfigError} for a report that compares nothing, and for images of another size */
async function assertComparable({ tokenizer, transformer }: ResolvedRunConfig, compare: string): Promise<void> {
  if ('from' in tokenizer || transformer !== undefined) {
    throw new ConfigError({
      where: 'compare',
      expected: 'a run that trains a tokenizer alone: its report compares',
      got: 'a run with a transformer',
    });
  }
  const model = await openModel(compare);
  await model.close();
  const { imageSize } = model.config as { readonly imageSize: number | readonly [number, number] };
  const [expected, got] = [tokenizer.model.imageSize, imageSize].map((size) => toSize2D(size).join('x'));
  if (expected === got) return;
  throw new ConfigError({
    where: join(compare, 'config.json'),
    expected: `a tokenizer for images of ${expected}`,
    got: String(got),
  });
}
