import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, type AdversarialLoss } from '@vitvq/core';
import '@vitvq/test-utils';
import { describe, expect, it } from 'vitest';
import type { adversarialLossKinds } from '../src/index.js';
import {
  createAdversarialLoss,
  createPerceptualLoss,
  createReconstructionLoss,
  hingeAdversarialLoss,
  l1Loss,
  l2Loss,
  leastSquaresAdversarialLoss,
  logitLaplaceLoss,
  LPIPS,
  nonSaturatingAdversarialLoss,
  perceptualLossKinds,
  reconstructionLossKinds,
  vanillaAdversarialLoss,
  type ReconstructionLossConfig,
} from '../src/index.js';

const reconstruction = tf.tensor4d([0.1, 0.5, 0.9, 0.2], [1, 2, 2, 1]);
const target = tf.tensor4d([0.3, 0.5, 0.1, 0.7], [1, 2, 2, 1]);
const logitLaplace = { mean: reconstruction, logScale: target };

describe('adversarial losses by name', () => {
  const losses: Record<keyof typeof adversarialLossKinds, AdversarialLoss> = {
    hinge: hingeAdversarialLoss,
    vanilla: vanillaAdversarialLoss,
    leastSquares: leastSquaresAdversarialLoss,
    nonSaturating: nonSaturatingAdversarialLoss,
  };

  it.each(Object.keys(losses) as (keyof typeof losses)[])('are there: %s', (kind) => {
    expect(createAdversarialLoss({ kind })).toBe(losses[kind]);
  });

  it('are refused by other names', () => {
    const create = (): AdversarialLoss => createAdversarialLoss({ kind: 'wasserstein' as 'hinge' });
    expect(create).toThrow(ConfigError);
    expect(create).toThrow('createAdversarialLoss: expected options that fit together, got kind is "wasserstein"');
  });
});

describe('reconstruction losses by name', () => {
  const expected: Record<keyof typeof reconstructionLossKinds, [ReconstructionLossConfig, tf.Scalar]> = {
    l1: [{ kind: 'l1' }, l1Loss(reconstruction, target)],
    l2: [{ kind: 'l2' }, l2Loss(reconstruction, target)],
    logitLaplace: [{ kind: 'logitLaplace', epsilon: 0.2 }, logitLaplaceLoss(logitLaplace, target, { epsilon: 0.2 })],
  };

  it.each(Object.entries(expected))('are there: %s', (_, [config, value]) => {
    const loss = createReconstructionLoss(config);
    expect(loss({ reconstruction, logitLaplace }, target)).toBeAllClose(value, { rtol: 0, atol: 0 });
  });

  it('say what they need of a decoder', () => {
    expect(reconstructionLossKinds.logitLaplace.needsLogitLaplace).toBe(true);
    const loss = createReconstructionLoss({ kind: 'logitLaplace' });
    expect(() => loss({ reconstruction }, target)).toThrow(
      'logitLaplaceLoss: expected a decoder that predicts the parameters of a logit-Laplace distribution, ' +
        'got one that predicts pixels.',
    );
  });

  it('are refused with options that make no sense', () => {
    expect(() => createReconstructionLoss({ kind: 'logitLaplace', epsilon: 0.5 })).toThrow('epsilon is 0.5');
    expect(() => createReconstructionLoss({ kind: 'l1', epsilon: 0.1 } as ReconstructionLossConfig)).toThrow(
      'unknown option "epsilon"',
    );
  });
});

describe('perceptual losses by name', () => {
  it('are there, and their variables in the table of the reference', () => {
    const loss = createPerceptualLoss({ kind: 'lpips', channels: [2, 2, 3, 3, 4] });
    expect(loss).toBeInstanceOf(LPIPS);
    expect(loss.channels).toEqual([2, 2, 3, 3, 4]);
    const names = perceptualLossKinds.lpips.referenceWeights().map(({ name }) => name);
    expect(names.sort()).toEqual([...loss.namedVariables().keys()].sort());
    loss.dispose();
    expect(() => createPerceptualLoss({ kind: 'lpips', channels: [2, 2] as never })).toThrow('channels is [2,2]');
  });
});
