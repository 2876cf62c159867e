import { ConfigError } from '@vitvq/core';
import { openRunImages, readRunConfig, type ConfigObject, type RunImages } from '@vitvq/run';
import type { ViTTokenizerConfig } from '@vitvq/tokenizer';
import { terminalView } from './terminal-view.js';

/** What {@link openExampleImages} opens. */
export interface ExampleImagesOptions {
  /** Folder of the user's own images. @default CIFAR-10, or what `changes` name */
  readonly data?: string | undefined;
  /** Number of held-out images; of a folder at most a tenth. */
  readonly heldOut: number;
  /** Decides which images of a folder are held out. */
  readonly seed: number;
  /**
   * Whether each image of the folder has a caption beside it; those without are left out.
   * @default false
   */
  readonly captions?: boolean;
  /** Part of the config under `data` that is laid over that for CIFAR-10. @default none */
  readonly changes?: ConfigObject;
}

/** Images of an example, in two parts, and how they are shown to its tokenizer. */
export interface ExampleImages extends RunImages {
  /** Pixels of an image and of a patch, as in configs/quickstart.yaml or configs/photos.yaml. */
  readonly sizes: Pick<ViTTokenizerConfig, 'imageSize' | 'patchSize'>;
  /** Options of `createBatches` for training. */
  readonly shown: {
    readonly crop: 'center' | 'random';
    readonly flip: boolean;
    readonly resizeTo?: number | readonly [number, number] | undefined;
  };
}

/**
 * Opens images to train on and images to measure on: CIFAR-10 as `npm run quickstart` has it, or
 * the user's own as its `--data` has them. Says which images are left out, and why.
 */
export async function openExampleImages(options: ExampleImagesOptions): Promise<ExampleImages> {
  const { data, heldOut, seed, captions = false, changes = {} } = options;
  const name = data === undefined ? 'quickstart' : 'photos';
  const ofCifar = { validation: { limit: heldOut }, ...changes };
  const config = await readRunConfig(name, {
    changes: { seed, data: data === undefined ? ofCifar : { heldOut } },
    ...(data !== undefined && { data: { kind: 'folder', path: data, captions } }),
  });
  const { tokenizer } = config;
  if ('from' in tokenizer || tokenizer.model.architecture !== 'vit') {
    throw new ConfigError({ where: name, expected: 'a config that trains a ViT', got: JSON.stringify(tokenizer) });
  }
  const { imageSize, patchSize } = tokenizer.model;
  const images = await openRunImages(config, terminalView);
  return { ...images, sizes: { imageSize, patchSize }, shown: tokenizer.training.images };
}
