import { assertInRange, assertInteger } from '@vitvq/core';
import { assertPositive } from './assert-positive.js';
import { integer, nonNegative, temperature } from './config-schemas.js';

/** Sizes and weights of a quantizer whose codes are made of bits, with their defaults. */
interface BitOptions {
  readonly codeDim: number;
  readonly entropyWeight: number;
  readonly diversityWeight: number;
  readonly commitmentWeight: number;
  readonly entropyTemperature: number;
  readonly entropyGroupSize: number;
}

/** Most bits of a code: float32 counts no further. */
const mostBits = 24;

/** Most bits that the entropy term counts together; memory grows with 2 to its power. */
const largestGroup = 12;

/** Fields of the config of such a quantizer. */
export const bitFields = {
  /** Number of channels, E, each a bit of the code; K is 2^E. */
  codeDim: integer(1, mostBits),
  /** Weight of the entropy term. */
  entropyWeight: nonNegative.optional(),
  /** Weight of the spread over all codes within the entropy term. */
  diversityWeight: nonNegative.optional(),
  /** Weight of the commitment term. */
  commitmentWeight: nonNegative.optional(),
  /** Temperature of the probabilities in the entropy term. */
  entropyTemperature: temperature.optional(),
  /** Number of channels that the entropy term counts together. */
  entropyGroupSize: integer(1, largestGroup).optional(),
};

/** Refuses options out of range. @throws {ConfigError} */
export function assertBitOptions(options: BitOptions, where: string): void {
  const { codeDim, entropyWeight, diversityWeight, commitmentWeight, entropyTemperature, entropyGroupSize } = options;
  assertInteger(codeDim, 'codeDim', where);
  assertInRange(codeDim, 'codeDim', where, 1, mostBits);
  assertInRange(entropyWeight, 'entropyWeight', where, 0);
  assertInRange(diversityWeight, 'diversityWeight', where, 0);
  assertInRange(commitmentWeight, 'commitmentWeight', where, 0);
  assertInteger(entropyGroupSize, 'entropyGroupSize', where);
  assertInRange(entropyGroupSize, 'entropyGroupSize', where, 1, largestGroup);
  assertPositive(entropyTemperature, 'entropyTemperature', where);
}
