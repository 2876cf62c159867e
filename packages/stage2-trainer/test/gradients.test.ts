import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey } from '@vitvq/core';
import { crossEntropy } from '@vitvq/losses';
import { classGPT, grid, imageTokens, tinyCodes, vocabSize } from '@vitvq/test-models';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { RQTransformer, type ImageTokens } from '@vitvq/transformers';
import { describe, expect, it } from 'vitest';
import { createTransformerGradients, type TransformerLossInputs } from '../src/index.js';

const conditions = tf.zeros<tf.Rank.R2>([8, 1], 'int32');

function tokensOf(levels = 1): ImageTokens {
  const { tokens, shape } = tinyCodes(0, 8, levels);
  return imageTokens(tf.tensor(tokens, shape as [number, number], 'int32'));
}

function rq(): RQTransformer {
  const stack = { depth: 1, numHeads: 2 };
  const size = { dim: 16, mlpDim: 32, codeDepth: 2, spatial: stack, depth: stack };
  return new RQTransformer({ vocabSize, grid, conditionVocabSize: 4, ...size, key: randomKey(3) });
}

const scalar = (tensor: tf.Tensor | undefined): number => tensor!.dataSync()[0]!;

/** Pulls logits towards 0. */
const small = {
  weight: 0.25,
  compute: ({ logits }: TransformerLossInputs): tf.Scalar => tf.mean(tf.square(logits)),
};

describe('createTransformerGradients', () => {
  it('has a gradient for every variable', () => {
    const model = classGPT();
    const { values, gradients } = createTransformerGradients({ model })(conditions, tokensOf());
    expect([...gradients.keys()]).toEqual([...model.namedVariables().keys()]);
    expect(Object.keys(values)).toEqual(['loss', 'crossEntropy']);
    expect(scalar(values['loss'])).toBeCloseTo(Math.log(vocabSize), 1);
    expect(scalar(values['loss'])).toBe(scalar(values['crossEntropy']));
  });

  it('weights the levels of residual codes one by one; equal weights are the cross-entropy of all', () => {
    const model = rq();
    const tokens = tokensOf(2) as tf.Tensor3D;
    const all = createTransformerGradients({ model })(conditions, tokens);
    const byLevel = createTransformerGradients({
      model,
      weights: { crossEntropy: 0, crossEntropyOfLevels: [0.5, 0.5] },
    })(conditions, tokens);
    expect(Object.keys(byLevel.values)).toEqual(['loss', 'crossEntropyOfLevel1', 'crossEntropyOfLevel2']);
    expect(byLevel.values['loss']).toBeAllClose(all.values['loss']!, { rtol: 1e-5 });
    for (const [name, gradient] of all.gradients) {
      expect(byLevel.gradients.get(name)!, name).toBeAllClose(gradient, { rtol: 1e-3, atol: 1e-6 });
    }
    const logits = tf.tidy(() => tf.slice(model.logits(conditions, tokens), [0, 0, 1, 0], [-1, -1, 1, -1]));
    const second = crossEntropy(logits, tf.slice(tokens, [0, 0, 1], [-1, -1, 1]));
    expect(byLevel.values['crossEntropyOfLevel2']).toBeAllClose(second, { rtol: 1e-5 });
  });

  it("adds the caller's terms", () => {
    const model = classGPT();
    const tokens = tokensOf();
    const plain = createTransformerGradients({ model })(conditions, tokens);
    const { values, gradients } = createTransformerGradients({ model, losses: { small } })(conditions, tokens);
    expect(scalar(values['loss'])).toBeCloseTo(scalar(values['crossEntropy']) + 0.25 * scalar(values['small']), 5);
    expect(scalar(values['crossEntropy'])).toBe(scalar(plain.values['crossEntropy']));
    expect(gradients.get('head.weight')!.dataSync()).not.toEqual(plain.gradients.get('head.weight')!.dataSync());
  });

  it('keeps no tensor', () => {
    const compute = createTransformerGradients({ model: classGPT(), losses: { small } });
    const tokens = tokensOf();
    expectNoTensorLeak(() => {
      const { values, gradients } = compute(conditions, tokens);
      tf.dispose([values, [...gradients.values()]]);
    });
  });

  it.each([
    [{ weights: { crossEntropy: 0 } }, /a term with a weight above 0, got none/],
    [{ weights: { crossEntropy: -1 } }, /crossEntropy is -1/],
    [{ weights: { crossEntropyOfLevels: [1] } }, /no weights for a model of one code a token, got 1/],
    [{ losses: { crossEntropy: small } }, /names apart from those of the trainer's own values.*got "crossEntropy"/],
    [{ losses: { small: { ...small, weight: -1 } } }, /the weight small/],
  ])('refuses %o', (options, message) => {
    const create = (): unknown => createTransformerGradients({ model: classGPT(), ...options });
    expect(create).toThrow(ConfigError);
    expect(create).toThrow(message);
  });
});
