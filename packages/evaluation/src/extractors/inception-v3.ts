import * as tf from '@tensorflow/tfjs-core';
import { openWeights, type TensorFile } from '@vitvq/checkpoint';
import { constantInitializer, permuteHost, type HostTensor, type RandomKey } from '@vitvq/core';
import type { NetworkFeatures } from './network-features.js';
import { ExtractorNetwork } from './extractor-network.js';
import { bytesOfImages } from './internal/bytes-of-images.js';
import { isFrozenGraph, openFrozenGraph } from './internal/frozen-graph.js';
import type { ImportedWeight, WeightImport } from './internal/imported-weights.js';
import { maxPoolAround, maxPoolByTwo, meanAround } from './internal/pooling.js';
import { resizeImages } from './internal/resize-images.js';

/** Channels before and after a convolution, and height and width of its filter. */
type Unit = readonly [inChannels: number, outChannels: number, height: number, width: number];

type Source = ImportedWeight['sources'][number];

/** Convolutions by their names in torch-fidelity, in the order of the graph. */
type Units = Readonly<Record<string, Unit>>;

const stem: Units = {
  Conv2d_1a_3x3: [3, 32, 3, 3],
  Conv2d_2a_3x3: [32, 32, 3, 3],
  Conv2d_2b_3x3: [32, 64, 3, 3],
  Conv2d_3b_1x1: [64, 80, 1, 1],
  Conv2d_4a_3x3: [80, 192, 3, 3],
};

const blockA = (channels: number, pooled: number): Units => ({
  branch1x1: [channels, 64, 1, 1],
  branch5x5_1: [channels, 48, 1, 1],
  branch5x5_2: [48, 64, 5, 5],
  branch3x3dbl_1: [channels, 64, 1, 1],
  branch3x3dbl_2: [64, 96, 3, 3],
  branch3x3dbl_3: [96, 96, 3, 3],
  branch_pool: [channels, pooled, 1, 1],
});

const blockB = (channels: number): Units => ({
  branch3x3: [channels, 384, 3, 3],
  branch3x3dbl_1: [channels, 64, 1, 1],
  branch3x3dbl_2: [64, 96, 3, 3],
  branch3x3dbl_3: [96, 96, 3, 3],
});

const blockC = (channels: number, inner: number): Units => ({
  branch1x1: [channels, 192, 1, 1],
  branch7x7_1: [channels, inner, 1, 1],
  branch7x7_2: [inner, inner, 1, 7],
  branch7x7_3: [inner, 192, 7, 1],
  branch7x7dbl_1: [channels, inner, 1, 1],
  branch7x7dbl_2: [inner, inner, 7, 1],
  branch7x7dbl_3: [inner, inner, 1, 7],
  branch7x7dbl_4: [inner, inner, 7, 1],
  branch7x7dbl_5: [inner, 192, 1, 7],
  branch_pool: [channels, 192, 1, 1],
});

const blockD = (channels: number): Units => ({
  branch3x3_1: [channels, 192, 1, 1],
  branch3x3_2: [192, 320, 3, 3],
  branch7x7x3_1: [channels, 192, 1, 1],
  branch7x7x3_2: [192, 192, 1, 7],
  branch7x7x3_3: [192, 192, 7, 1],
  branch7x7x3_4: [192, 192, 3, 3],
});

const blockE = (channels: number): Units => ({
  branch1x1: [channels, 320, 1, 1],
  branch3x3_1: [channels, 384, 1, 1],
  branch3x3_2a: [384, 384, 1, 3],
  branch3x3_2b: [384, 384, 3, 1],
  branch3x3dbl_1: [channels, 448, 1, 1],
  branch3x3dbl_2: [448, 384, 3, 3],
  branch3x3dbl_3a: [384, 384, 1, 3],
  branch3x3dbl_3b: [384, 384, 3, 1],
  branch_pool: [channels, 192, 1, 1],
});

const mixed: Readonly<Record<string, Units>> = {
  Mixed_5b: blockA(192, 32),
  Mixed_5c: blockA(256, 64),
  Mixed_5d: blockA(288, 64),
  Mixed_6a: blockB(288),
  Mixed_6b: blockC(768, 128),
  Mixed_6c: blockC(768, 160),
  Mixed_6d: blockC(768, 160),
  Mixed_6e: blockC(768, 192),
  Mixed_7a: blockD(768),
  Mixed_7b: blockE(1280),
  Mixed_7c: blockE(2048),
};

/** All convolutions by their full names. */
const units: Units = {
  ...stem,
  ...Object.fromEntries(
    Object.entries(mixed).flatMap(([block, inner]) =>
      Object.entries(inner).map(([name, unit]) => [`${block}.${name}`, unit]),
    ),
  ),
};

const pooledSize = 2048;
const classes = 1008;
const side = 299;

/** Channels of the spatial features, as in the evaluator of ADM. */
const spatialChannels = 7;

/** What batch normalisation adds to the variance in this network. */
const epsilon = 1e-3;

/**
 * Inception v3 as Fréchet inception distances use it: the graph of 2015-12-05 (Szegedy et al. 2015,
 * arXiv:1512.00567), with the weights and the arithmetic that torch-fidelity and pytorch-fid took
 * over and that the evaluator of ADM runs in TensorFlow. It is not the network of torchvision:
 * images are resized as TensorFlow 1 does, mean pooling leaves out what is beyond the edge, and the
 * last block pools by maximum. Batch normalisation is part of the filters and biases.
 *
 * Features: `pooled` `[B, 2048]` (`2048` of torch-fidelity, `pool_3` of the graph), `logits`
 * `[B, 1008]` without bias, as inception scores take them (`logits_unbiased`), `spatial`
 * `[B, 17, 17, 7]` (the first channels of `mixed_6/conv`, for the sFID of ADM), and the means of
 * `blocks` 64, 192 and 768, `[B, C]`.
 *
 * Variables: for each convolution `NAME.weight` `[h, w, in, out]` and `NAME.bias`, and
 * `classes.weight` `[2048, 1008]`.
 */
export class InceptionV3 extends ExtractorNetwork {
  readonly kind = 'inception-v3-compat';
  readonly name = 'inception-v3-compat';
  readonly config = { kind: 'inception-v3-compat' } as const;
  readonly inputSize = [side, side] as const;
  readonly resize = { filter: 'tensorflow-1', crop: 'none' } as const;
  readonly #weights = new Map<string, tf.Variable<tf.Rank.R4>>();
  readonly #biases = new Map<string, tf.Variable<tf.Rank.R1>>();
  readonly #classes: tf.Variable<tf.Rank.R2>;

  constructor({ key }: { readonly key: RandomKey }) {
    super();
    const frozen = { trainable: false };
    const zeros = constantInitializer(0);
    for (const [name, [inChannels, outChannels, height, width]] of Object.entries(units)) {
      const weight = zeros(key, [height, width, inChannels, outChannels]);
      this.#weights.set(name, this.variable(`${name}.weight`, weight, frozen));
      this.#biases.set(name, this.variable(`${name}.bias`, zeros(key, [outChannels]), frozen));
    }
    this.#classes = this.variable('classes.weight', zeros(key, [pooledSize, classes]), frozen);
  }

  /**
   * Computes the features of images `[B, H, W, 3]` in [0, 1].
   * @throws {ShapeError} @throws {ConfigError} when no weights were loaded
   */
  features(images: tf.Tensor4D): NetworkFeatures {
    this.assertLoaded('features');
    return tf.tidy(() => {
      const resized = resizeImages(bytesOfImages(images, 'InceptionV3.features'), this.inputSize, this.resize);
      let x = this.#valid('Conv2d_1a_3x3', tf.div(tf.sub(resized, 128), 128), 2); // [B, 149, 149, 32]
      x = this.#valid('Conv2d_2a_3x3', x);
      const first = maxPoolByTwo(this.#same('Conv2d_2b_3x3', x)); // [B, 73, 73, 64]
      x = this.#valid('Conv2d_4a_3x3', this.#same('Conv2d_3b_1x1', first));
      const second = maxPoolByTwo(x); // [B, 35, 35, 192]
      x = this.#blockA('Mixed_5d', this.#blockA('Mixed_5c', this.#blockA('Mixed_5b', second)));
      x = this.#blockC('Mixed_6c', this.#blockC('Mixed_6b', this.#blockB('Mixed_6a', x))); // [B, 17, 17, 768]
      const spatial = tf.slice(this.#same('Mixed_6d.branch1x1', x), [0, 0, 0, 0], [-1, -1, -1, spatialChannels]);
      const third = this.#blockC('Mixed_6e', this.#blockC('Mixed_6d', x));
      x = this.#blockE('Mixed_7b', this.#blockD('Mixed_7a', third), meanAround); // [B, 8, 8, 2048]
      x = this.#blockE('Mixed_7c', x, maxPoolAround);
      const pooled = meanOfPlaces(x);
      const logits = tf.matMul<tf.Tensor2D>(pooled, this.#classes);
      const blocks = { '64': meanOfPlaces(first), '192': meanOfPlaces(second), '768': meanOfPlaces(third) };
      return { pooled, spatial, logits, blocks };
    });
  }

  #valid(name: string, x: tf.Tensor4D, stride = 1): tf.Tensor4D {
    return this.#convolve(name, x, stride, 'valid');
  }

  #same(name: string, x: tf.Tensor4D): tf.Tensor4D {
    return this.#convolve(name, x, 1, 'same');
  }

  #convolve(name: string, x: tf.Tensor4D, stride: number, padding: 'same' | 'valid'): tf.Tensor4D {
    return tf.relu(tf.add(tf.conv2d(x, this.#weights.get(name)!, stride, padding), this.#biases.get(name)!));
  }

  /** Applies convolutions that keep the size, one after the other. */
  #chain(block: string, names: readonly string[], x: tf.Tensor4D): tf.Tensor4D {
    return names.reduce((y, name) => this.#same(`${block}.${name}`, y), x);
  }

  #blockA(block: string, x: tf.Tensor4D): tf.Tensor4D {
    return tf.concat(
      [
        this.#chain(block, ['branch1x1'], x),
        this.#chain(block, ['branch5x5_1', 'branch5x5_2'], x),
        this.#chain(block, ['branch3x3dbl_1', 'branch3x3dbl_2', 'branch3x3dbl_3'], x),
        this.#chain(block, ['branch_pool'], meanAround(x)),
      ],
      3,
    );
  }

  #blockB(block: string, x: tf.Tensor4D): tf.Tensor4D {
    const double = this.#chain(block, ['branch3x3dbl_1', 'branch3x3dbl_2'], x);
    return tf.concat(
      [this.#valid(`${block}.branch3x3`, x, 2), this.#valid(`${block}.branch3x3dbl_3`, double, 2), maxPoolByTwo(x)],
      3,
    );
  }

  #blockC(block: string, x: tf.Tensor4D): tf.Tensor4D {
    const double = [1, 2, 3, 4, 5].map((index) => `branch7x7dbl_${index}`);
    return tf.concat(
      [
        this.#chain(block, ['branch1x1'], x),
        this.#chain(block, ['branch7x7_1', 'branch7x7_2', 'branch7x7_3'], x),
        this.#chain(block, double, x),
        this.#chain(block, ['branch_pool'], meanAround(x)),
      ],
      3,
    );
  }

  #blockD(block: string, x: tf.Tensor4D): tf.Tensor4D {
    const first = this.#chain(block, ['branch3x3_1'], x);
    const second = this.#chain(block, ['branch7x7x3_1', 'branch7x7x3_2', 'branch7x7x3_3'], x);
    return tf.concat(
      [
        this.#valid(`${block}.branch3x3_2`, first, 2),
        this.#valid(`${block}.branch7x7x3_4`, second, 2),
        maxPoolByTwo(x),
      ],
      3,
    );
  }

  #blockE(block: string, x: tf.Tensor4D, pool: (x: tf.Tensor4D) => tf.Tensor4D): tf.Tensor4D {
    const both = (name: string, y: tf.Tensor4D): tf.Tensor4D[] =>
      ['a', 'b'].map((part) => this.#same(`${block}.${name}${part}`, y));
    return tf.concat(
      [
        this.#chain(block, ['branch1x1'], x),
        ...both('branch3x3_2', this.#chain(block, ['branch3x3_1'], x)),
        ...both('branch3x3dbl_3', this.#chain(block, ['branch3x3dbl_1', 'branch3x3dbl_2'], x)),
        this.#chain(block, ['branch_pool'], pool(x)),
      ],
      3,
    );
  }
}

function meanOfPlaces(x: tf.Tensor4D): tf.Tensor2D {
  return tf.mean(x, [1, 2]);
}

const noun = 'the Inception of torch-fidelity, pytorch-fid or TensorFlow';
const fix =
  'Take weights-inception-2015-12-05-6726825d.pth of torch-fidelity, pt_inception-2015-12-05-6726825d.pth of pytorch-fid, ' +
  'or classify_image_graph_def.pb of TensorFlow. The inception_v3 of torchvision is another network, whose distances are ' +
  'not comparable.';

/** Names and layouts in which files of PyTorch differ from the graph of TensorFlow. */
interface Layout {
  /** Returns the names of filter, scale, bias, mean and variance of a convolution. */
  readonly unit: (name: string) => readonly [string, string, string, string, string];
  readonly classes: string;
  /** Returns the shape of a filter `[h, w, in, out]` in the file. */
  readonly filterShape: (shape: readonly number[]) => readonly number[];
  /** Order of the file's axes that gives a filter `[h, w, in, out]`. */
  readonly filterAxes: readonly number[];
  readonly classAxes: readonly [number, number];
}

const pyTorch: Layout = {
  unit: (name) => [
    `${name}.conv.weight`,
    `${name}.bn.weight`,
    `${name}.bn.bias`,
    `${name}.bn.running_mean`,
    `${name}.bn.running_var`,
  ],
  classes: 'fc.weight',
  filterShape: ([height, width, inChannels, outChannels]) => [outChannels!, inChannels!, height!, width!],
  filterAxes: [2, 3, 1, 0],
  classAxes: [1, 0],
};

const tensorFlow: Layout = {
  unit: (name) => {
    const scope = scopeOf(name);
    return [
      `${scope}/conv2d_params`,
      `${scope}/batchnorm/gamma`,
      `${scope}/batchnorm/beta`,
      `${scope}/batchnorm/moving_mean`,
      `${scope}/batchnorm/moving_variance`,
    ];
  },
  classes: 'softmax/weights',
  filterShape: (shape) => shape,
  filterAxes: [0, 1, 2, 3],
  classAxes: [0, 1],
};

/**
 * Towers of the graph by the branches of PyTorch. The branch of one convolution without pooling has
 * none, and the last ones of the last blocks are `mixed/conv` and `mixed/conv_1` within theirs.
 */
const towers: Readonly<Record<string, string>> = {
  branch5x5: 'tower',
  branch7x7: 'tower',
  branch3x3: 'tower',
  branch3x3dbl: 'tower_1',
  branch7x7dbl: 'tower_1',
  branch7x7x3: 'tower_1',
  branch_pool: 'tower_2',
};

/** Returns the name in TensorFlow's graph of a convolution. */
function scopeOf(name: string): string {
  const numbered = (word: string, index: number): string => (index === 0 ? word : `${word}_${index}`);
  const [block, branch] = name.split('.') as [string, string | undefined];
  if (branch === undefined) return numbered('conv', Object.keys(stem).indexOf(name));
  const scope = numbered('mixed', Object.keys(mixed).indexOf(block));
  const { base, index, part } = /^(?<base>.+?)(?:_(?<index>\d))?(?<part>[ab])?$/.exec(branch)!.groups as {
    base: string;
    index?: string;
    part?: string;
  };
  if (base === 'branch1x1' || (base === 'branch3x3' && index === undefined)) return `${scope}/conv`;
  // Mixed_6a has no other tower than the one that the other blocks have as the second.
  const tower = block === 'Mixed_6a' ? 'tower' : towers[base]!;
  if (part !== undefined) return `${scope}/${tower}/mixed/${numbered('conv', part === 'a' ? 0 : 1)}`;
  return `${scope}/${tower}/${numbered('conv', Number(index ?? 1) - 1)}`;
}

/**
 * Finds how the files of torch-fidelity and of pytorch-fid, and the constants of TensorFlow's
 * graph, become variables of {@link InceptionV3}.
 */
export function findInception({ entries }: Pick<TensorFile, 'entries'>): WeightImport {
  const isGraph = entries.some(({ name }) => name === tensorFlow.classes);
  const layout = isGraph ? tensorFlow : pyTorch;
  const classShape = isGraph ? [pooledSize, classes] : [classes, pooledSize];
  return {
    weights: [
      ...Object.entries(units).flatMap(([name, unit]) => importedUnit(name, unit, layout)),
      {
        variable: 'classes.weight',
        sources: [{ name: layout.classes, shape: classShape }],
        convert: ([weight]) => permuteHost(weight!, layout.classAxes),
      },
    ],
    // A graph has constants of all kinds.
    isIgnored: (name) => isGraph || name === 'fc.bias' || name.endsWith('.num_batches_tracked'),
    noun,
    fix,
  };
}

/** Opens a file of PyTorch or safetensors, or TensorFlow's graph. @throws {DataError} */
export async function openInception(file: string): Promise<TensorFile> {
  return (await isFrozenGraph(file)) ? openFrozenGraph(file) : openWeights(file);
}

/** Returns filter and bias of a convolution with its batch normalisation, computed in float64. */
function importedUnit(
  name: string,
  [inChannels, outChannels, height, width]: Unit,
  { unit, filterShape, filterAxes }: Layout,
): ImportedWeight[] {
  const [filterName, ...others] = unit(name);
  const sourceOf = (index: 0 | 1 | 2 | 3): Source => ({ name: others[index], shape: [outChannels] });
  const [scale, bias, mean, variance] = [sourceOf(0), sourceOf(1), sourceOf(2), sourceOf(3)];
  const shape = [height, width, inChannels, outChannels];
  const factorsOf = (scales: HostTensor, variances: HostTensor): number[] =>
    Array.from(scales.data, (value, out) => value / Math.sqrt(variances.data[out]! + epsilon));
  return [
    {
      variable: `${name}.weight`,
      sources: [{ name: filterName, shape: filterShape(shape) }, scale, variance],
      convert: ([filters, scales, variances]) => {
        const factors = factorsOf(scales!, variances!);
        const result = permuteHost(filters!, filterAxes);
        const { data } = result;
        for (let at = 0; at < data.length; at++) data[at]! *= factors[at % outChannels]!;
        return result;
      },
    },
    {
      variable: `${name}.bias`,
      sources: [bias, scale, mean, variance],
      convert: ([biases, scales, means, variances]) => {
        const factors = factorsOf(scales!, variances!);
        const data = Float32Array.from(biases!.data, (value, out) => value - means!.data[out]! * factors[out]!);
        return { shape: [outChannels], data };
      },
    },
  ];
}
