import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { readSafetensors, writeSafetensors } from '@vitvq/checkpoint';
import { UsageError } from '@vitvq/example-shared';
import type { HostImages } from '@vitvq/core';
import { detailRatio, Evaluator, type Evaluation } from '@vitvq/evaluation';
import { readTokenizerTraining, readTokenizerWeights, type TokenizerTrainer } from '@vitvq/stage1-trainer';
import { createViTVQ } from '@vitvq/tokenizer';
import { EVALUATION_BATCH, modelConfig } from './config.js';
import type { Settings } from './options.js';

/** What another tokenizer makes of the held-out images. */
export interface Comparison {
  readonly label: string;
  /** Steps that it was trained. */
  readonly step: number;
  /** `[B, H, W, C]`. */
  readonly reconstructions: Float32Array;
  readonly psnr: number;
  readonly detail: number;
}

/** Where the reconstructions from before the discriminator are kept, for a run that is resumed. */
export const L2_ALONE_FILE = 'l2-alone.safetensors';

/** Keeps what the tokenizer made of the held-out images before it heard the discriminator. */
export class L2AlonePictures {
  readonly #file: string;
  readonly #originals: HostImages;
  #hasBegun: boolean;
  #writing: Promise<void> = Promise.resolve();

  /** @param hasBegun  whether the autoencoder heard it already when the run was stopped */
  constructor(directory: string, originals: HostImages, hasBegun: boolean) {
    this.#file = join(directory, L2_ALONE_FILE);
    this.#originals = originals;
    this.#hasBegun = hasBegun;
  }

  /** The trainer evaluates right before that. */
  follow(trainer: TokenizerTrainer): void {
    trainer.on('step', ({ values }) => {
      this.#hasBegun ||= values.adversarial !== undefined;
    });
    trainer.on('evaluate', (evaluation) => {
      if (!this.#hasBegun) this.#writing = this.#writing.then(() => this.#write(evaluation));
    });
  }

  written(): Promise<void> {
    return this.#writing;
  }

  /** One comparison, or none in a run without a discriminator. */
  async read(): Promise<Comparison[]> {
    try {
      await access(this.#file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
    const { tensors, metadata } = await readSafetensors(this.#file);
    const reconstructions = tensors.get('reconstructions')!.data as Float32Array;
    return [
      {
        label: 'L2 alone',
        step: Number(metadata.step),
        reconstructions,
        psnr: Number(metadata.psnr),
        detail: detailRatio(this.#originals.data, reconstructions, this.#originals.shape),
      },
    ];
  }

  async #write({ step, psnr, reconstructions }: Evaluation & { readonly step: number }): Promise<void> {
    const { shape, data } = reconstructions;
    await writeSafetensors(this.#file, new Map([['reconstructions', { shape, data }]]), {
      step: String(step),
      psnr: String(psnr),
    });
  }
}

/** What the tokenizer of a run of this program in `directory` makes of the images. @throws {UsageError} */
export async function otherRun(directory: string, originals: HostImages): Promise<Comparison> {
  const { notes, step } = await readTokenizerTraining(directory);
  const settings = notes as Settings;
  if (settings.imageSize !== originals.shape[1]) {
    throw new UsageError([
      `--compare ${directory} has images of ${settings.imageSize} pixels, and this run of ${originals.shape[1]}`,
    ]);
  }
  const tokenizer = createViTVQ(modelConfig(settings), { seed: settings.seed });
  tokenizer.loadVariables(await readTokenizerWeights(directory));
  const evaluator = new Evaluator(tokenizer, { batchSize: EVALUATION_BATCH });
  const { psnr, reconstructions } = await evaluator.evaluate(originals);
  evaluator.dispose();
  tokenizer.dispose();
  return {
    label: settings.loss === 'l2' ? 'other: L2' : 'other: full',
    step,
    reconstructions: reconstructions.data,
    psnr,
    detail: detailRatio(originals.data, reconstructions.data, originals.shape),
  };
}
