import { binarySphericalKind } from '../binary-spherical-quantizer.js';
import { differentiableVectorKind } from '../differentiable-vector-quantizer.js';
import { emaKind } from '../ema-quantizer.js';
import { finiteScalarKind } from '../finite-scalar-quantizer.js';
import { gumbelKind } from '../gumbel-quantizer.js';
import { indexBackpropagationKind } from '../index-backpropagation-quantizer.js';
import { lookupFreeKind } from '../lookup-free-quantizer.js';
import type { QuantizerKinds } from '../quantizer-kind.js';
import { simVectorKind } from '../sim-vector-quantizer.js';
import { vectorKind } from '../vector-quantizer.js';

/**
 * Kinds of one code a token that are made of no other quantizers: those that the others are made
 * of.
 */
export const singleCodeKinds = {
  vector: vectorKind,
  ema: emaKind,
  gumbel: gumbelKind,
  fsq: finiteScalarKind,
  lfq: lookupFreeKind,
  simvq: simVectorKind,
  bsq: binarySphericalKind,
  ibq: indexBackpropagationKind,
  diveq: differentiableVectorKind,
} as const satisfies QuantizerKinds;
