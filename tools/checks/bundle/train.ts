/**
 * Trains a small tokenizer in a web page, with the tokenizer, a loss and an optimizer alone. The
 * check of bundles packs this program for browsers and runs it in one.
 */
import * as tf from '@tensorflow/tfjs';
import { l2Loss } from '@vitvq/losses';
import { AdamW, applyGradients, decayGroups, namedGradients } from '@vitvq/optim';
import { createTokenizer } from '@vitvq/tokenizer';

const SIZE = { dim: 32, depth: 1, numHeads: 2, mlpDim: 64 };
const [BATCH, IMAGE] = [8, 16];

/** What a page tells of its training. */
export interface TrainingOutcome {
  readonly backend: string;
  /** The loss before each step. */
  readonly losses: readonly number[];
  /** The shape of the tokens of a batch. */
  readonly tokens: readonly number[];
}

/** Returns images `[B, H, W, C]` of stripes, whose period differs from image to image. */
function stripes(): tf.Tensor4D {
  const values = Float32Array.from({ length: BATCH * IMAGE * IMAGE * 3 }, (_, index) => {
    const column = Math.floor(index / 3) % IMAGE;
    const image = Math.floor(index / (3 * IMAGE * IMAGE));
    return Math.floor(column / (image + 1)) % 2;
  });
  return tf.tensor4d(values, [BATCH, IMAGE, IMAGE, 3]);
}

async function train(backend: string, steps: number): Promise<TrainingOutcome> {
  if (!(await tf.setBackend(backend))) throw new Error(`${backend} does not start here`);
  const tokenizer = createTokenizer(
    {
      architecture: 'vit',
      imageSize: IMAGE,
      patchSize: 4,
      encoder: SIZE,
      decoder: SIZE,
      quantizer: { kind: 'vector', codebookSize: 32, codeDim: 8 },
    },
    { seed: 0 },
  );
  const images = stripes();
  const variables = tokenizer.namedVariables();
  const optimizer = new AdamW(decayGroups(variables, 1e-4));
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const loss = tf.tidy(() => {
      const { value, gradients } = namedGradients(() => {
        const { reconstruction, quantizerLoss } = tokenizer.forward(images, { training: true });
        return tf.add(l2Loss(reconstruction, images), quantizerLoss);
      }, variables);
      applyGradients({ optimizer, clipNorm: 1 }, gradients, tf.scalar(3e-3), { alsoFinite: value });
      return value;
    });
    losses.push((await loss.data())[0]!);
    loss.dispose();
  }
  const tokens = tokenizer.encode(images).shape;
  return { backend: tf.getBackend(), losses, tokens };
}

Object.assign(globalThis, { train });
