import * as tf from '@tensorflow/tfjs-core';
import { foldIn, randomKey, randomNormal } from '@vitvq/core';
import { StyleDiscriminator } from '@vitvq/discriminator';
import { LPIPS } from '@vitvq/losses';
import { tinyImages, tinyModel } from '@vitvq/test-models';
import type { VQTokenizer, ViTTokenizerConfig } from '@vitvq/tokenizer';

/** The smallest images that LPIPS takes. */
export const side = 16;

export function adversaryModel(changes: Partial<Omit<ViTTokenizerConfig, 'quantizer'>> = {}): VQTokenizer {
  return tinyModel({ imageSize: side, patchSize: 8, ...changes });
}

export function adversaryImages(count = 2): tf.Tensor4D {
  const { data, shape } = tinyImages(count, 0, [side, side]);
  return tf.tensor4d(data, [...shape]);
}

export function tinyDiscriminator(size: number | [number, number] = side, seed = 2): StyleDiscriminator {
  const channels = { 4: 4, 8: 4, 16: 4, 32: 4 };
  return new StyleDiscriminator({ size, channels, key: randomKey(seed) });
}

/**
 * LPIPS with few channels and random weights; those of the linear layers are positive, as trained
 * ones are.
 */
export function tinyPerceptual(): LPIPS {
  const lpips = new LPIPS({ channels: [3, 3, 3, 3, 3] });
  const weights = [...lpips.namedVariables()].map(([name, { shape, size }], index) => {
    const fans = shape.length === 4 ? shape[0] * shape[1] * shape[2] : 1;
    const values = randomNormal(foldIn(randomKey(3), index), size).map((value) => {
      if (name.startsWith('linear')) return Math.abs(value);
      if (name === 'scaling.scale') return 0.5;
      return name.endsWith('weight') ? value * Math.sqrt(2 / fans) : 0.1 * value;
    });
    return [name, { shape, data: values }] as const;
  });
  lpips.loadVariables(new Map(weights));
  return lpips;
}

export const scalarOf = (tensor: tf.Tensor): number => tensor.dataSync()[0]!;

/** Plain numbers of variables, to see later whether they moved. */
export function snapshot(variables: ReadonlyMap<string, tf.Variable>): Map<string, number[]> {
  return new Map([...variables].map(([name, variable]) => [name, [...variable.dataSync()]]));
}

/**
 * Central difference of `value` towards one element of a variable, whose value it has again
 * afterwards.
 */
export function centralDifference(variable: tf.Variable, element: number, step: number, value: () => number): number {
  const original = variable.dataSync().slice();
  const at = (distance: number): number => {
    const moved = original.slice();
    moved[element]! += distance;
    const tensor = tf.tensor(moved, variable.shape);
    variable.assign(tensor);
    tensor.dispose();
    return value();
  };
  const difference = (at(step) - at(-step)) / (2 * step);
  at(0);
  return difference;
}
