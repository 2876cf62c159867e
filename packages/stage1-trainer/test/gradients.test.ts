import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { randomKey, randomUniform } from '@vitvq/core';
import { ViTDecoder, ViTEncoder } from '@vitvq/layers';
import {
  adaptiveWeight,
  hingeAdversarialLoss,
  imageGradientLoss,
  l1Loss,
  l2Loss,
  logitLaplaceLoss,
  vanillaAdversarialLoss,
} from '@vitvq/losses';
import { GumbelQuantizer } from '@vitvq/quantizers';
import { tinyConfig, tinyModel } from '@vitvq/test-models';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { VQTokenizer } from '@vitvq/tokenizer';
import { createTokenizerGradients, createTokenizerLoss, type TokenizerLossOptions } from '../src/index.js';
import {
  adversaryImages,
  adversaryModel,
  centralDifference,
  scalarOf,
  side,
  snapshot,
  tinyDiscriminator,
  tinyPerceptual,
} from './adversary.js';

const weights = {
  l1: 0.3,
  l2: 2,
  imageGradient: 0.6,
  logitLaplace: 0.1,
  quantizer: 0.7,
  perceptual: 0.5,
  adversarial: 0.4,
};

type Discriminator = ReturnType<typeof tinyDiscriminator>;

function parts(adaptive = false, discriminator: Discriminator = tinyDiscriminator()): TokenizerLossOptions {
  return {
    tokenizer: adversaryModel({ output: 'logit-laplace' }),
    weights,
    perceptual: tinyPerceptual(),
    adversarial: { discriminator, loss: vanillaAdversarialLoss, adaptiveWeight: adaptive },
  };
}

/**
 * The definition: every term from the images on, all in one expression, differentiated by
 * TensorFlow.js.
 */
function byDefinition(
  { tokenizer, perceptual, adversarial }: TokenizerLossOptions,
  images: tf.Tensor4D,
): { reconstruction: () => tf.Scalar; generator: () => tf.Scalar; quantizer: () => tf.Scalar } {
  const model = tokenizer as VQTokenizer;
  const forward = (): ReturnType<VQTokenizer['forward']> => model.forward(images);
  return {
    reconstruction: () => {
      const { reconstruction, logitLaplace } = forward();
      return tf.addN<tf.Scalar>([
        tf.mul(l1Loss(reconstruction, images), weights.l1),
        tf.mul(l2Loss(reconstruction, images), weights.l2),
        tf.mul(imageGradientLoss(reconstruction, images), weights.imageGradient),
        tf.mul(logitLaplaceLoss(logitLaplace!, images), weights.logitLaplace),
        tf.mul(tf.mean(perceptual!.distance(images, reconstruction)), weights.perceptual),
      ]);
    },
    generator: () => adversarial!.loss.generator(adversarial!.discriminator.logits(forward().reconstruction)),
    quantizer: () => tf.mul(forward().quantizerLoss, weights.quantizer),
  };
}

const close = { rtol: 1e-4, atol: 1e-6 };

describe('createTokenizerGradients', () => {
  it.each([false, true])('agrees with the definition in several passes, adaptive weight: %s', (adaptive) => {
    const options = parts(adaptive);
    const images = adversaryImages();
    const variables = options.tokenizer.namedTrainableVariables();
    const { reconstruction, generator, quantizer } = byDefinition(options, images);
    const { lastLayer } = options.tokenizer;
    const atLastLayer = (loss: () => tf.Scalar): tf.Tensor =>
      tf.variableGrads(loss, [lastLayer!]).grads[lastLayer!.name]!;
    const weight = adaptive ? scalarOf(adaptiveWeight(atLastLayer(reconstruction), atLastLayer(generator))) : 1;
    const factor = 0.6;
    const whole = (): tf.Scalar =>
      tf.addN<tf.Scalar>([reconstruction(), tf.mul(generator(), factor * weight * weights.adversarial), quantizer()]);
    const expected = tf.variableGrads(whole, [...variables.values()]);

    const { values, gradients } = createTokenizerGradients(options)(images, { adversarialFactor: tf.scalar(factor) });
    expect(values['loss']).toBeAllClose(expected.value, close);
    expect([...gradients.keys()]).toEqual([...variables.keys()]);
    for (const [name, variable] of variables) {
      expect(gradients.get(name)!, name).toBeAllClose(expected.grads[variable.name]!, { rtol: 1e-3, atol: 1e-6 });
    }
    if (adaptive) {
      expect(weight).toBeGreaterThan(0);
      expect(values['adaptiveWeight']).toBeAllClose(weight, close);
    } else expect(values['adaptiveWeight']).toBeUndefined();
  });

  it('agrees with finite differences of the loss', () => {
    // Latents instead of codes: the straight-through estimator is no derivative.
    const options = { ...parts(), quantize: false };
    const images = adversaryImages();
    const evaluate = createTokenizerLoss(options);
    const loss = (): number => tf.tidy(() => scalarOf(evaluate(images)['loss']!));
    const { gradients } = createTokenizerGradients(options)(images);
    const variables = [...options.tokenizer.namedTrainableVariables()].filter((_, index) => index % 3 === 0);
    for (const [name, variable] of variables) {
      const gradient = [...gradients.get(name)!.dataSync()];
      // The element that matters most.
      const element = gradient.reduce(
        (best, value, at) => (Math.abs(value) > Math.abs(gradient[best]!) ? at : best),
        0,
      );
      const numeric = centralDifference(variable, element, 1e-3, loss);
      expect(Math.abs(gradient[element]! - numeric), name).toBeLessThan(2e-3 + 0.03 * Math.abs(numeric));
    }
  });

  it('names the terms in use, not weighted, and what is minimised', () => {
    const options = parts(true);
    const images = adversaryImages();
    const { values } = createTokenizerGradients(options)(images);
    expect(Object.keys(values).sort()).toEqual(
      [
        'adaptiveWeight',
        'adversarial',
        'imageGradient',
        'l1',
        'l2',
        'logitLaplace',
        'loss',
        'perceptual',
        'quantizer',
      ].sort(),
    );
    const number = (name: string): number => scalarOf(values[name]!);
    const { reconstruction, quantizerLoss } = (options.tokenizer as VQTokenizer).forward(images);
    expect(values['l1']).toBeAllClose(l1Loss(reconstruction, images), close);
    expect(values['l2']).toBeAllClose(l2Loss(reconstruction, images), close);
    expect(values['quantizer']).toBeAllClose(quantizerLoss, close);
    const { l1, l2, imageGradient, logitLaplace, quantizer, perceptual, adversarial } = weights;
    const expected =
      l1 * number('l1') +
      l2 * number('l2') +
      imageGradient * number('imageGradient') +
      logitLaplace * number('logitLaplace') +
      quantizer * number('quantizer') +
      perceptual * number('perceptual') +
      adversarial * number('adaptiveWeight') * number('adversarial');
    expect(number('loss')).toBeCloseTo(expected, 4);
  });

  it('has no adversarial gradient where the factor is 0', () => {
    const options = parts(true);
    const images = adversaryImages();
    const without = createTokenizerGradients({ ...options, weights: { ...weights, adversarial: 0 } })(images);
    const before = createTokenizerGradients(options)(images, { adversarialFactor: tf.scalar(0) });
    expect(before.values['loss']).toBeAllClose(without.values['loss']!);
    for (const [name, gradient] of without.gradients) {
      expect(before.gradients.get(name)!, name).toBeAllClose(gradient, { rtol: 1e-5, atol: 1e-9 });
    }
    expect(scalarOf(before.values['adversarial']!)).toBeGreaterThan(0);
  });

  it('changes neither model nor discriminator, but counts codes', () => {
    const discriminator = tinyDiscriminator();
    const options = parts(true, discriminator);
    const tokenizer = options.tokenizer as ReturnType<typeof tinyModel>;
    const before = [options.tokenizer.namedTrainableVariables(), discriminator.namedVariables()].map(snapshot);
    createTokenizerGradients(options)(adversaryImages());
    const after = [options.tokenizer.namedTrainableVariables(), discriminator.namedVariables()].map(snapshot);
    expect(after).toEqual(before);
    expect(scalarOf(tf.sum(tokenizer.quantizer.codebook.usage!))).toBe(2 * 4);
  });

  it('does not compute what has no weight', () => {
    const never = (): never => {
      throw new Error('computed');
    };
    const discriminator = tinyDiscriminator();
    discriminator.logits = never;
    const compute = createTokenizerGradients({
      tokenizer: adversaryModel(),
      perceptual: { distance: never },
      adversarial: { discriminator, loss: hingeAdversarialLoss, adaptiveWeight: true },
    });
    const { values } = compute(adversaryImages());
    expect(Object.keys(values)).toEqual(['loss', 'l2', 'quantizer']);
  });

  it('can do with a perceptual loss alone', () => {
    const compute = createTokenizerGradients({
      tokenizer: adversaryModel(),
      weights: { l2: 0, perceptual: 2, quantizer: 0 },
      perceptual: tinyPerceptual(),
    });
    const { values } = compute(adversaryImages());
    expect(scalarOf(values['loss']!)).toBeCloseTo(2 * scalarOf(values['perceptual']!), 5);
  });

  it('keeps no tensor, also when it refuses a control', () => {
    const compute = createTokenizerGradients(parts(true));
    const images = adversaryImages();
    const factor = tf.tensor1d([1]) as unknown as tf.Scalar;
    expectNoTensorLeak(() => {
      const { values, gradients } = compute(images);
      tf.dispose([values, [...gradients.values()]]);
      expect(() => compute(images, { adversarialFactor: factor })).toThrow(
        'createTokenizerGradients, adversarialFactor: expected shape []',
      );
      const misspelt = { adverserialFactor: factor } as never;
      expect(() => compute(images, misspelt)).toThrow(
        'createTokenizerGradients, controls: expected options that exist, got unknown option "adverserialFactor"',
      );
    });
  });

  it('gives noise and temperature to a quantizer that takes them', () => {
    const shared = { ...tinyConfig.encoder, key: randomKey(0), imageSize: side, patchSize: 8 };
    const tokenizer = new VQTokenizer({
      encoder: new ViTEncoder(shared),
      decoder: new ViTDecoder(shared),
      quantizer: new GumbelQuantizer({ codebookSize: 8, codeDim: 4, key: randomKey(1) }),
      key: randomKey(0),
    });
    const compute = createTokenizerGradients({ tokenizer });
    const images = adversaryImages();
    const shape = tokenizer.noiseShape(2)!;
    const noise = tf.tensor(randomUniform(randomKey(5), 2 * 4 * 8), [...shape]);
    const loss = (temperature: number): number =>
      scalarOf(compute(images, { noise, temperature: tf.scalar(temperature) }).values['loss']!);
    expect(loss(1)).toBe(loss(1));
    expect(loss(1)).not.toBe(loss(0.1));
    expect(() => compute(images)).toThrow('GumbelQuantizer.quantize: expected noise [B, N, K] in training');
  });

  it('refuses weights and parts that make no sense', () => {
    const tokenizer = adversaryModel();
    const create = (options: Partial<TokenizerLossOptions>): (() => unknown) => {
      return () => createTokenizerGradients({ tokenizer, ...options });
    };
    const where = 'createTokenizerGradients: expected';
    for (const name of Object.keys(weights)) {
      for (const weight of [-1, NaN, Infinity]) {
        expect(create({ weights: { [name]: weight } })).toThrow(
          `createTokenizerGradients weights: expected options that fit together, got ${name} is ${weight}: `,
        );
      }
    }
    expect(create({ weights: { l2: 0 } })).toThrow(
      `${where} a reconstruction loss with a weight above 0, got none. Set l1, l2, logitLaplace or perceptual`,
    );
    expect(create({ weights: { logitLaplace: 0.1 } })).toThrow(
      `${where} a tokenizer with output 'logit-laplace' for the logit-laplace loss, got output 'pixels'`,
    );
    expect(create({ weights: { perceptual: 0.1 } })).toThrow(
      `${where} a perceptual loss for the weight 0.1, got none. Pass perceptual`,
    );
    expect(create({ weights: { adversarial: 0.1 } })).toThrow(
      `${where} a discriminator for the adversarial weight 0.1, got none. Pass adversarial: { discriminator, loss }`,
    );
    const discriminator = tinyDiscriminator(32);
    expect(
      create({ weights: { adversarial: 0.1 }, adversarial: { discriminator, loss: hingeAdversarialLoss } }),
    ).toThrow(`${where} a discriminator for the tokenizer's images of 16x16 pixels, got one for 32x32. Create both`);
    const nameless = {
      output: tokenizer.output,
      forward: tokenizer.forward.bind(tokenizer),
      toImages: tokenizer.toImages.bind(tokenizer),
      namedTrainableVariables: () => tokenizer.namedTrainableVariables(),
    };
    const adversarial = { discriminator: tinyDiscriminator(), loss: hingeAdversarialLoss, adaptiveWeight: true };
    expect(create({ tokenizer: nameless, weights: { adversarial: 0.1 }, adversarial })).toThrow(
      `${where} a decoder that names its lastLayer`,
    );
  });

  it('refuses images of another number of channels than it makes', () => {
    const shared = { ...tinyConfig.encoder, key: randomKey(0), imageSize: side, patchSize: 8 };
    const { quantizer } = tinyModel();
    const tokenizer = new VQTokenizer({
      encoder: new ViTEncoder(shared),
      decoder: new ViTDecoder({ ...shared, channels: 1 }),
      quantizer,
      key: randomKey(0),
    });
    expect(() => createTokenizerGradients({ tokenizer })(adversaryImages())).toThrow(
      "tokenizer's loss: expected reconstructions of the images' shape [2, 16, 16, 3], got [2, 16, 16, 1]",
    );
  });
});

describe('createTokenizerLoss', () => {
  it('has the values of the gradients, counts nothing, and leaves out what needs gradients', () => {
    const options = parts(true);
    const images = adversaryImages();
    const evaluation = createTokenizerLoss(options)(images);
    expect(scalarOf(tf.sum((options.tokenizer as ReturnType<typeof tinyModel>).quantizer.codebook.usage!))).toBe(0);
    const { values } = createTokenizerGradients(options)(images);
    for (const name of ['l1', 'l2', 'imageGradient', 'logitLaplace', 'perceptual', 'quantizer', 'adversarial']) {
      expect(evaluation[name], name).toBeAllClose(values[name]!, close);
    }
    expect(scalarOf(evaluation['adaptiveWeight']!)).toBe(0);
    const adversarial = weights.adversarial * scalarOf(values['adaptiveWeight']!) * scalarOf(values['adversarial']!);
    expect(scalarOf(evaluation['loss']!)).toBeCloseTo(scalarOf(values['loss']!) - adversarial, 4);
  });

  it('is the loss that is minimised where no weight is adaptive', () => {
    const options = parts();
    const images = adversaryImages();
    const controls = { adversarialFactor: tf.scalar(0.5) };
    const { values } = createTokenizerGradients(options)(images, controls);
    expect(createTokenizerLoss(options)(images, controls)['loss']).toBeAllClose(values['loss']!, close);
  });
});
