import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { audit, compile, formatAuditReport, useEngine } from '@vitvq/engine';
import { vanillaAdversarialLoss } from '@vitvq/losses';
import { AdamW } from '@vitvq/optim';
import { compilingEngines } from '@vitvq/test-utils';
import { gradientStep } from '@vitvq/training';
import { afterAll, describe, expect, it } from 'vitest';
import { createDiscriminatorGradients, createTokenizerGradients } from '../src/index.js';
import { adversaryImages, adversaryModel, tinyDiscriminator, tinyPerceptual } from './adversary.js';

/** The step of the autoencoder and that of the discriminator, with every loss term. */
function steps() {
  const tokenizer = adversaryModel({ output: 'logit-laplace' });
  const discriminator = tinyDiscriminator();
  const optimizerOf = (module: typeof tokenizer | typeof discriminator): AdamW =>
    new AdamW([{ variables: module.namedTrainableVariables() }]);
  return {
    autoencoder: gradientStep(
      createTokenizerGradients({
        tokenizer,
        weights: { l1: 0.1, l2: 1, imageGradient: 0.5, logitLaplace: 0.1, perceptual: 0.1, adversarial: 0.5 },
        perceptual: tinyPerceptual(),
        adversarial: { discriminator, loss: vanillaAdversarialLoss, adaptiveWeight: true },
      }),
      { optimizer: optimizerOf(tokenizer), clipNorm: 1 },
    ),
    adversary: gradientStep(
      createDiscriminatorGradients({
        tokenizer,
        discriminator,
        loss: vanillaAdversarialLoss,
        r1: { weight: 1 },
        leCam: { weight: 0.1, anchors: { real: tf.scalar(0.1), fake: tf.scalar(-0.1) } },
      }),
      { optimizer: optimizerOf(discriminator) },
    ),
  };
}

/** Values of a few steps with both optimizers, the adversarial loss starting at the second. */
async function train(): Promise<Record<string, number>[]> {
  const plain = steps();
  const autoencoder = compile(plain.autoencoder, { name: 'autoencoder' });
  const adversary = compile(plain.adversary, { name: 'discriminator' });
  const images = adversaryImages();
  const rate = tf.scalar(3e-3);
  const rows: Record<string, number>[] = [];
  for (const factor of [0, 1, 1]) {
    const controls = { adversarialFactor: tf.scalar(factor) };
    const first = await autoencoder(rate, images, controls);
    const second = await adversary(rate, images, controls);
    const row: Record<string, number> = {};
    for (const [name, value] of [...Object.entries(first.values), ...Object.entries(second.values)]) {
      row[name in row ? `second ${name}` : name] = (await value.data())[0]!;
    }
    rows.push(row);
    tf.dispose([first, second]);
  }
  autoencoder.dispose();
  adversary.dispose();
  return rows;
}

for (const { name: engine, isHere } of await compilingEngines()) {
  describe.skipIf(!isHere)(`both steps on the engine ${engine}`, () => {
    afterAll(() => useEngine({ name: 'cpu' }));

    it('give the numbers of the plain one', async () => {
      await useEngine({ name: 'cpu' });
      const eager = await train();
      await useEngine({ name: engine, threads: 2, onCompile: () => undefined });
      const compiled = await train();
      expect(Object.keys(eager[0]!)).toContain('adaptiveWeight');
      expect(Object.keys(eager[0]!)).toContain('r1');
      for (const [index, row] of eager.entries()) {
        for (const [name, value] of Object.entries(row)) {
          expect(compiled[index]![name], `${name}, step ${index}`).toBeAllClose(value, { rtol: 2e-3, atol: 1e-5 });
        }
      }
    });
  });
}

it.each(['onnx', 'cpu'] as const)('an audit finds nothing that both steps lack on the engine %s', async (engine) => {
  const controls = { adversarialFactor: tf.scalar(1) };
  for (const step of Object.values(steps())) {
    const report = await audit(step, { arguments: [tf.scalar(3e-3), adversaryImages(), controls], engine });
    expect(report.findings, formatAuditReport(report)).toEqual([]);
    expect(report.calls).toBeGreaterThan(100);
  }
});
