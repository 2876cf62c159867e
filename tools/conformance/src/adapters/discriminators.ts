import * as tf from '@tensorflow/tfjs';
import { snapshotVariables } from '@vitvq/checkpoint';
import { DataError, Module, randomKey, type HostTensor, type ReferenceWeight } from '@vitvq/core';
import {
  ConvLayer,
  convLayerReferenceWeights,
  PatchDiscriminator,
  patchDiscriminatorReferenceWeights,
  StyleBlock,
  styleBlockReferenceWeights,
  StyleDiscriminator,
  styleDiscriminatorReferenceWeights,
  type StyleDiscriminatorOptions,
} from '@vitvq/discriminator';
import {
  ActNorm,
  actNormReferenceWeights,
  blurKernel as makeBlurKernel,
  EqualConv2d,
  equalConv2dReferenceWeights,
  EqualLinear,
  equalLinearReferenceWeights,
  upfirdn2d,
  type BlurTaps,
} from '@vitvq/layers';
import { r1Penalty } from '@vitvq/losses';
import { ConfigReader } from '../config.js';
import { tensorsUnder, type Config, type LoadedCase } from '../fixture.js';
import { tensorAdapter } from './adapter.js';
import { loadHashedWeights, loadWeights, runModule, toChannelsFirst, toChannelsLast } from './gradients.js';

const key = randomKey(0);

/** For functions without weights. */
export class NoModule extends Module {}

/** Gradient of a scalar with respect to the images, `[B, C, H, W]`. */
function imageGradient(scalar: (images: tf.Tensor4D) => tf.Tensor, x: tf.Tensor): tf.Tensor {
  return tf.grad((images) => tf.sum(scalar(images as tf.Tensor4D)))(x);
}

/**
 * Names of the blur kernels that the reference stores. Ours are made from the options: they must be
 * the same.
 */
export function storedKernels({ name, tensors }: LoadedCase, taps: BlurTaps): string[] {
  const { data: ours } = makeBlurKernel(taps);
  return [...tensorsUnder(tensors, 'w')].flatMap(([weight, { data }]) => {
    if (!/(^|\.)kernel$/.test(weight)) return [];
    if (data.length !== ours.length || data.some((value, index) => Math.abs(value - ours[index]!) > 1e-6)) {
      throw new DataError({
        where: name,
        expected: `${weight} to be the blur ${JSON.stringify(taps)}`,
        got: 'another',
      });
    }
    return [weight];
  });
}

/** `upfirdn2d`: loss = sum(y · cotangent). */
export const upfirdn = tensorAdapter(async (fixture, execute) => {
  const reader = new ConfigReader(fixture.config, fixture.name);
  const options = { up: reader.number('up', 1), down: reader.number('down', 1), pad: reader.padding('pad', 0) };
  reader.finish();
  return runModule(
    {
      module: new NoModule(),
      table: [],
      inputs: ['x', 'kernel', 'cotangent'],
      outputs: ({ x, kernel }) => ({
        y: toChannelsFirst(upfirdn2d(toChannelsLast(x!), kernel as tf.Tensor2D, options)),
      }),
      scalars: ({ cotangent }, { y }) => ({ loss: tf.sum(tf.mul(y!, cotangent!)) }),
    },
    fixture,
    execute,
  );
});

interface Layer {
  readonly module: Module;
  readonly table: readonly ReferenceWeight[];
  readonly apply: (x: tf.Tensor) => tf.Tensor;
  /** Taps of the blur kernels that the reference stores, if any. */
  readonly blurKernel?: BlurTaps;
}

/** A layer from x to y: loss = sum(y · cotangent). */
function layerAdapter(create: (reader: ConfigReader) => Layer): ReturnType<typeof tensorAdapter> {
  return tensorAdapter(async (fixture, execute) => {
    const reader = new ConfigReader(fixture.config, fixture.name);
    const { module, table, apply, blurKernel } = create(reader);
    try {
      reader.finish();
      loadWeights(module, table, fixture, blurKernel ? storedKernels(fixture, blurKernel) : []);
      return await runModule(
        {
          module,
          table,
          inputs: ['x', 'cotangent'],
          outputs: ({ x }) => ({ y: apply(x!) }),
          scalars: ({ cotangent }, { y }) => ({ loss: tf.sum(tf.mul(y!, cotangent!)) }),
        },
        fixture,
        execute,
      );
    } finally {
      module.dispose();
    }
  });
}

const onImages =
  (apply: (x: tf.Tensor4D) => tf.Tensor4D) =>
  (x: tf.Tensor): tf.Tensor =>
    toChannelsFirst(apply(toChannelsLast(x)));

export const equalConv2d = layerAdapter((reader) => {
  const options = {
    inChannels: reader.number('inChannel'),
    outChannels: reader.number('outChannel'),
    kernelSize: reader.number('kernelSize'),
    stride: reader.number('stride', 1),
    padding: reader.padding('padding', 0),
    useBias: reader.boolean('bias', true),
    key,
  };
  const module = new EqualConv2d(options);
  return { module, table: equalConv2dReferenceWeights(options), apply: onImages((x) => module.apply(x)) };
});

export const equalLinear = layerAdapter((reader) => {
  const useBias = reader.boolean('bias', true);
  const module = new EqualLinear({
    inFeatures: reader.number('inDim'),
    outFeatures: reader.number('outDim'),
    useBias,
    learningRateMultiplier: reader.number('lrMul', 1),
    activation: reader.optional('activation', 'fused_lrelu') ? 'fused-leaky-relu' : 'none',
    key,
  });
  // The first value of the bias, which the case's weights replace.
  reader.ignore('biasInit');
  return { module, table: equalLinearReferenceWeights({ useBias }), apply: (x) => module.apply(x as tf.Tensor2D) };
});

export const convLayer = layerAdapter((reader) => {
  const options = {
    inChannels: reader.number('inChannel'),
    outChannels: reader.number('outChannel'),
    kernelSize: reader.number('kernelSize'),
    downsample: reader.boolean('downsample', false),
    blurKernel: reader.taps('blurKernel', [1, 3, 3, 1]),
    useBias: reader.boolean('bias', true),
    activate: reader.boolean('activate', true),
    key,
  };
  const module = new ConvLayer(options);
  const { blurKernel } = options;
  return { module, table: convLayerReferenceWeights(options), apply: onImages((x) => module.apply(x)), blurKernel };
});

export const styleBlock = layerAdapter((reader) => {
  const blurKernel = reader.taps('blurKernel', [1, 3, 3, 1]);
  const module = new StyleBlock({
    inChannels: reader.number('inChannel'),
    outChannels: reader.number('outChannel'),
    blurKernel,
    key,
  });
  return { module, table: styleBlockReferenceWeights(), apply: onImages((x) => module.apply(x)), blurKernel };
});

/** Options of a StyleDiscriminator from the reference's parameters. */
export function readStyleDiscriminatorOptions(
  config: Config,
  where: string,
): Omit<StyleDiscriminatorOptions, 'key'> & { readonly blurKernel: BlurTaps } {
  const reader = new ConfigReader(config, where);
  const channels = Object.fromEntries(
    Object.entries(reader.section('channels')).map(([side, count]) => [Number(side), Number(count)]),
  );
  const options = { size: reader.size('size'), channels, blurKernel: reader.taps('blurKernel', [1, 3, 3, 1]) };
  // The table has the multiplier in it; the group of a batch is what comes of groups of 4.
  reader.ignore('channelMultiplier', 'batch', 'stddevGroup');
  reader.finish();
  return options;
}

/**
 * `StyleDiscriminator`: loss = sum(logits · cotangent), and R1 with its gradients of second order.
 */
export const styleDiscriminator = tensorAdapter(async (fixture, execute) => {
  const options = readStyleDiscriminatorOptions(fixture.config, fixture.name);
  const module = new StyleDiscriminator({ ...options, key });
  const table = styleDiscriminatorReferenceWeights(options);
  try {
    if (fixture.hashWeights) {
      const scale = (shape: readonly number[]): number => (shape.length >= 2 ? Math.sqrt(3) : 0.1);
      loadHashedWeights(module, table, fixture.hashWeights, (hash, shape) => hash * scale(shape));
    } else {
      loadWeights(module, table, fixture, storedKernels(fixture, options.blurKernel));
    }
    return await runModule(
      {
        module,
        table,
        inputs: ['x', 'cotangent'],
        outputs: ({ x }) => {
          const images = toChannelsLast(x!);
          const logits = module.logits(images);
          return {
            // The reference leaves the only axis of a batch of one out.
            logits: logits.size === 1 ? tf.reshape(logits, []) : logits,
            r1: r1Penalty((real) => module.logits(real), images),
            r1InputGrad: imageGradient((real) => module.logits(toChannelsLast(real)), x!),
          };
        },
        scalars: ({ cotangent }, { logits, r1 }) => ({ loss: tf.sum(tf.mul(logits!, cotangent!)), r1: r1! }),
      },
      // Without stored weights their gradients are checksums, listed as outputs.
      fixture.hashWeights ? { ...fixture, grads: { ...fixture.grads, 'r1/w/': { shape: [] } } } : fixture,
      execute,
    );
  } finally {
    module.dispose();
  }
});

/**
 * `PatchDiscriminator`: everything in eval mode, then in train mode, and the state after one pass
 * of that.
 */
export const patchDiscriminator = tensorAdapter(async (fixture, execute) => {
  const reader = new ConfigReader(fixture.config, fixture.name);
  const options = {
    inChannels: reader.number('inputNc', 3),
    baseChannels: reader.number('ndf', 64),
    depth: reader.number('nLayers', 3),
    normalization: reader.boolean('useActnorm', false) ? ('act-norm' as const) : ('batch-norm' as const),
  };
  reader.finish();
  const module = new PatchDiscriminator({ ...options, key });
  const table = patchDiscriminatorReferenceWeights(options);
  const produced = new Map<string, HostTensor>();
  try {
    for (const mode of ['eval', 'train']) {
      const logits = (images: tf.Tensor4D): tf.Tensor4D => module.logits(images, { training: mode === 'train' });
      const ofMode = Object.entries(fixture.grads ?? {}).filter(([name]) => name.startsWith(`${mode}/`));
      loadWeights(module, table, fixture);
      const results = await runModule(
        {
          module,
          table,
          inputs: ['x', 'cotangent'],
          outputs: ({ x }) => ({
            [`${mode}/logits`]: toChannelsFirst(logits(toChannelsLast(x!))),
            [`${mode}/r1`]: r1Penalty(logits, toChannelsLast(x!)),
            [`${mode}/r1InputGrad`]: imageGradient((real) => logits(toChannelsLast(real)), x!),
          }),
          scalars: ({ cotangent }, outputs) => ({
            [`${mode}/loss`]: tf.sum(tf.mul(outputs[`${mode}/logits`]!, cotangent!)),
            [`${mode}/r1`]: outputs[`${mode}/r1`]!,
          }),
        },
        { ...fixture, grads: Object.fromEntries(ofMode) },
        execute,
      );
      for (const [name, tensor] of results) produced.set(name, tensor);
    }
    // Once more from the start: a single pass moves the state.
    loadWeights(module, table, fixture);
    await execute(
      ({ x }) => ({ logits: module.logits(toChannelsLast(x!), { training: true }) }),
      tensorsUnder(fixture.tensors, 'in'),
    );
    const after = await snapshotVariables(module.namedVariables());
    for (const { name, referenceName, toReference } of table) {
      produced.set(`out/after/${referenceName}`, toReference(after.get(name)!));
    }
    return produced;
  } finally {
    module.dispose();
  }
});

/** `ActNorm`: started by `x`, then applied to `x2` and inverted. */
export const actNorm = tensorAdapter(async (fixture, execute) => {
  const reader = new ConfigReader(fixture.config, fixture.name);
  const module = new ActNorm({ features: reader.number('numFeatures'), key });
  const table = actNormReferenceWeights();
  try {
    // Whether the reference returns it; here it is a method of its own.
    reader.ignore('logdet');
    reader.finish();
    loadWeights(module, table, fixture);
    const results = await execute(
      ({ x, x2 }) => {
        const [batch, , height, width] = x!.shape as [number, number, number, number];
        const y = module.apply(toChannelsLast(x!), { training: true });
        const y2 = module.apply(toChannelsLast(x2!), { training: true });
        return {
          'out/y': toChannelsFirst(y),
          'out/logdet': tf.mul(module.logDeterminant(height, width), tf.ones([batch])),
          'out/y2': toChannelsFirst(y2),
          'out/reverse': toChannelsFirst(module.invert(y2)),
        };
      },
      tensorsUnder(fixture.tensors, 'in'),
    );
    const after = await snapshotVariables(module.namedVariables());
    return new Map([
      ...results,
      ...table.map(({ name, referenceName, toReference }): [string, HostTensor] => [
        `out/${referenceName}`,
        toReference(after.get(name)!),
      ]),
    ]);
  } finally {
    module.dispose();
  }
});
