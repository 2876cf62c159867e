import '@tensorflow/tfjs';
// Registers the gradients of second order that R1 needs.
import '@vitvq/engine';
import * as tf from '@tensorflow/tfjs-core';
import { randomKey } from '@vitvq/core';
import { PatchDiscriminator } from '@vitvq/discriminator';
import { hingeAdversarialLoss, leCamPenalty, r1Penalty, vanillaAdversarialLoss } from '@vitvq/losses';
import { AdamW } from '@vitvq/optim';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { gradientStep } from '@vitvq/training';
import { describe, expect, it } from 'vitest';
import {
  createDiscriminatorGradients,
  createDiscriminatorLoss,
  type DiscriminatorGradientOptions,
} from '../src/index.js';
import {
  adversaryImages,
  adversaryModel,
  centralDifference,
  scalarOf,
  snapshot,
  tinyDiscriminator,
} from './adversary.js';

const anchors = { real: tf.scalar(0.3), fake: tf.scalar(-0.2) };

function setUp(): DiscriminatorGradientOptions {
  return {
    tokenizer: adversaryModel(),
    discriminator: tinyDiscriminator(),
    loss: vanillaAdversarialLoss,
    r1: { weight: 3 },
    leCam: { weight: 0.5, anchors },
  };
}

describe('createDiscriminatorGradients', () => {
  it('agrees with the definition: detached reconstructions, R1 on real images, LeCam', () => {
    const options = setUp();
    const { tokenizer, discriminator } = options;
    const images = adversaryImages();
    const fakes = tokenizer.toImages(tokenizer.forward(images).decoded).reconstruction;
    const variables = discriminator.namedTrainableVariables();
    const { value, grads } = tf.variableGrads(() => {
      const [real, fake] = [discriminator.logits(images), discriminator.logits(fakes)];
      return tf.addN<tf.Scalar>([
        vanillaAdversarialLoss.discriminator(real, fake),
        tf.mul(
          r1Penalty((x) => discriminator.logits(x), images),
          3,
        ),
        tf.mul(leCamPenalty(real, fake, anchors), 0.5),
      ]);
    }, [...variables.values()]);
    const { values, gradients } = createDiscriminatorGradients(options)(images);
    expect(Object.keys(values)).toEqual(['discriminator', 'logitsReal', 'logitsFake', 'r1', 'leCam']);
    expect(values['discriminator']).toBeAllClose(value);
    expect(values['logitsReal']).toBeAllClose(tf.mean(discriminator.logits(images)));
    expect(values['logitsFake']).toBeAllClose(tf.mean(discriminator.logits(fakes)));
    expect([...gradients.keys()]).toEqual([...variables.keys()]);
    for (const [name, variable] of variables) {
      expect(gradients.get(name)!, name).toBeAllClose(grads[variable.name]!, { rtol: 1e-3, atol: 1e-6 });
    }
  });

  it('agrees with finite differences of the loss', () => {
    // Without R1, which jumps where a leaky ReLU bends; @vitvq/losses tests it on smooth functions.
    const options = { ...setUp(), r1: undefined, leCam: undefined };
    const images = adversaryImages();
    const evaluate = createDiscriminatorLoss(options);
    const loss = (): number => tf.tidy(() => scalarOf(evaluate(images)['discriminator']!));
    const { gradients } = createDiscriminatorGradients(options)(images);
    for (const [name, variable] of options.discriminator.namedTrainableVariables()) {
      const gradient = [...gradients.get(name)!.dataSync()];
      const element = gradient.reduce(
        (best, value, at) => (Math.abs(value) > Math.abs(gradient[best]!) ? at : best),
        0,
      );
      const numeric = centralDifference(variable, element, 1e-3, loss);
      expect(Math.abs(gradient[element]! - numeric), name).toBeLessThan(2e-3 + 0.03 * Math.abs(numeric));
    }
  });

  it('gives nothing to the tokenizer, not even a counted code', () => {
    const options = setUp();
    const tokenizer = adversaryModel();
    const before = snapshot(tokenizer.namedVariables());
    const { gradients } = createDiscriminatorGradients({ ...options, tokenizer })(adversaryImages());
    const own = new Set(options.discriminator.namedTrainableVariables().keys());
    expect([...gradients.keys()].every((name) => own.has(name))).toBe(true);
    expect(snapshot(tokenizer.namedVariables())).toEqual(before);
  });

  it('is 0 with all its gradients where the factor is 0', () => {
    const { values, gradients } = createDiscriminatorGradients(setUp())(adversaryImages(), {
      adversarialFactor: tf.scalar(0),
    });
    expect(scalarOf(values['discriminator']!)).toBe(0);
    for (const [name, gradient] of gradients) expect(scalarOf(tf.max(tf.abs(gradient))), name).toBe(0);
  });

  it('computes no penalty that is not asked for', () => {
    const { tokenizer, discriminator, loss } = setUp();
    const { values } = createDiscriminatorGradients({
      tokenizer,
      discriminator,
      loss,
      r1: { weight: 0 },
      leCam: { weight: 0, anchors },
    })(adversaryImages());
    expect(Object.keys(values)).toEqual(['discriminator', 'logitsReal', 'logitsFake']);
  });

  it('keeps no tensor', () => {
    const compute = createDiscriminatorGradients(setUp());
    const images = adversaryImages();
    expectNoTensorLeak(() => {
      const { values, gradients } = compute(images);
      tf.dispose([values, [...gradients.values()]]);
    });
  });

  it('refuses weights that make no sense, and a discriminator of another size', () => {
    const options = setUp();
    const create = (changes: Partial<DiscriminatorGradientOptions>) => (): unknown =>
      createDiscriminatorGradients({ ...options, ...changes });
    const where = 'createDiscriminatorGradients: expected';
    expect(create({ r1: { weight: -1 } })).toThrow(`${where} r1.weight to be a finite number at least 0, got -1`);
    expect(create({ leCam: { weight: NaN, anchors } })).toThrow(`${where} leCam.weight to be a finite number`);
    expect(create({ discriminator: tinyDiscriminator([16, 32]) })).toThrow(
      `${where} a discriminator for the tokenizer's images of 16x16 pixels, got one for 16x32.`,
    );
    const factor = tf.tensor1d([1]) as unknown as tf.Scalar;
    expect(() => createDiscriminatorGradients(options)(adversaryImages(), { adversarialFactor: factor })).toThrow(
      'createDiscriminatorGradients, adversarialFactor: expected shape [], got [1]. Give it as a scalar tensor.',
    );
  });
});

describe('a step of the discriminator', () => {
  it('learns to tell images from reconstructions, and moves nothing else', () => {
    const options = setUp();
    const { discriminator } = options;
    const tokenizer = adversaryModel();
    const before = snapshot(tokenizer.namedVariables());
    const optimizer = new AdamW([{ variables: discriminator.namedTrainableVariables(), weightDecay: 0 }]);
    const gradientsOf = createDiscriminatorGradients({
      ...options,
      tokenizer,
      loss: hingeAdversarialLoss,
      r1: undefined,
      leCam: undefined,
    });
    const step = gradientStep((batch: tf.Tensor4D) => gradientsOf(batch), { optimizer, clipNorm: 10 });
    const images = adversaryImages();
    const run = (): number => tf.tidy(() => scalarOf(step(tf.scalar(2e-2), images).values['discriminator']!));
    const first = run();
    for (let count = 0; count < 15; count++) run();
    expect(run()).toBeLessThan(0.75 * first);
    expect(snapshot(tokenizer.namedVariables())).toEqual(before);
  });
});

describe('createDiscriminatorLoss', () => {
  it('has the values of the gradients and moves no statistics of batches', () => {
    const tokenizer = adversaryModel();
    const images = adversaryImages();
    const style = { tokenizer, discriminator: tinyDiscriminator(), loss: hingeAdversarialLoss };
    const { values } = createDiscriminatorGradients(style)(images);
    const evaluation = createDiscriminatorLoss(style)(images);
    expect(Object.keys(evaluation)).toEqual(Object.keys(values));
    for (const [name, value] of Object.entries(values)) expect(evaluation[name], name).toBeAllClose(value);

    const discriminator = new PatchDiscriminator({ baseChannels: 2, depth: 1, key: randomKey(0) });
    const before = snapshot(discriminator.namedVariables());
    createDiscriminatorLoss({ tokenizer, discriminator, loss: hingeAdversarialLoss })(images);
    expect(snapshot(discriminator.namedVariables())).toEqual(before);
    createDiscriminatorGradients({ tokenizer, discriminator, loss: hingeAdversarialLoss })(images);
    expect(snapshot(discriminator.namedVariables())).not.toEqual(before);
  });
});
