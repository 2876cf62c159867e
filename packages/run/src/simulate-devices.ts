import { assertInRange, assertInteger } from '@vitvq/core';
import { resolveMesh, type Mesh, type MeshOptions } from '@vitvq/engine';

/** A training as the simulation knows it. */
export interface SimulatedTraining {
  /** Seconds that one device takes for an image of a batch: forward, backward and update. */
  readonly secondsPerImage: number;
  /** Number of weights that are trained. */
  readonly parameters: number;
  /** Values of float32 that are kept for each weight: weight, gradient, moments, EMA. */
  readonly valuesPerWeight: number;
  readonly batchSize: number;
  /** Values that leave the blocks of the transformers for one image: tokens x width x blocks. */
  readonly blockValues: number;
}

/** How devices are joined. */
export interface DeviceLinks {
  /** Bytes a second that a device sends while it receives as many. */
  readonly bytesPerSecond: number;
  /** Seconds until a message of no length has arrived. */
  readonly secondsPerMessage: number;
  /**
   * Share of the sums of gradients, from 0 to 1, that is moved while the backward pass goes on.
   * @default 0, the slowest
   */
  readonly overlap?: number;
}

/** One step of a training on several devices, on paper. */
export interface SimulatedStep {
  readonly devices: number;
  readonly mesh: Mesh;
  /** Seconds of a step: arithmetic, then what is moved beside it. */
  readonly seconds: number;
  readonly arithmeticSeconds: number;
  readonly transferSeconds: number;
  /** Bytes that each device sends in a step. */
  readonly sentBytes: number;
  /** Bytes of weights, gradients and the optimizer's state on each device; images come on top. */
  readonly stateBytes: number;
  readonly imagesPerSecond: number;
  /** Images a second, as a share of those that so many devices alone would take. */
  readonly efficiency: number;
}

const bytesOfValue = 4;

/**
 * Returns the mesh of so many devices: batches are sharded first, down to one image a device, and
 * the layers over what is left.
 */
function meshOf(devices: number, batchSize: number, { model, weights }: Mesh): Mesh {
  const data = Math.min(Math.floor(devices / model) || 1, batchSize);
  return { data, model: Math.floor(devices / data), weights };
}

/** Bytes that each of n devices sends in a ring, where all end with the sum or with all parts. */
const ringShare = (devices: number): number => (devices - 1) / devices;

/**
 * Computes a step of a training on several devices from what one device takes, as the engine
 * shards it:
 *
 * - data parallel: each device takes its images, and gradients are summed in a ring, which sends
 *   2 (n - 1) / n of their bytes; with sharded weights, two gathers and one sum of parts send
 *   3 (n - 1) / n (arXiv:1910.02054, section 7);
 * - tensor parallel: each block sums its output twice forward and twice backward
 *   (arXiv:1909.08053, section 3).
 *
 * The arithmetic is that of one device, divided: a device with few images is slower in truth, as
 * its matrices are small. Measure one device with the images that each of them will have.
 * @throws {ConfigError} for figures that cannot be
 */
export function simulateDevices(
  training: SimulatedTraining,
  { bytesPerSecond, secondsPerMessage, overlap = 0 }: DeviceLinks,
  devices: number,
  given: MeshOptions = {},
): SimulatedStep {
  const where = 'simulateDevices';
  const { secondsPerImage, parameters, valuesPerWeight, batchSize, blockValues } = training;
  assertInteger(devices, 'devices', where);
  assertInteger(batchSize, 'batchSize', where);
  assertInRange(secondsPerImage, 'secondsPerImage', where, Number.MIN_VALUE);
  assertInRange(bytesPerSecond, 'bytesPerSecond', where, Number.MIN_VALUE);
  assertInRange(secondsPerMessage, 'secondsPerMessage', where, 0);
  assertInRange(overlap, 'overlap', where, 0, 1);
  const mesh = meshOf(devices, batchSize, resolveMesh(given));
  const { data, model, weights } = mesh;
  const imagesOfDevice = Math.ceil(batchSize / data);
  const arithmeticSeconds = (imagesOfDevice * secondsPerImage) / model;
  const weightBytes = (parameters * bytesOfValue) / model;
  const passes = weights === 'sharded' ? 3 : 2;
  const gradientBytes = passes * ringShare(data) * weightBytes;
  const sums = 4; // of each block
  const blockBytes = sums * 2 * ringShare(model) * imagesOfDevice * blockValues * bytesOfValue;
  const sentBytes = gradientBytes + blockBytes;
  // A ring takes a message to each neighbour in turn; the sums of gradients are one ring.
  const gradientSeconds = gradientBytes / bytesPerSecond + passes * (data - 1) * secondsPerMessage;
  const blockSeconds = blockBytes / bytesPerSecond;
  const hidden = Math.min(overlap * gradientSeconds, arithmeticSeconds * backwardShare);
  const transferSeconds = gradientSeconds - hidden + blockSeconds;
  const seconds = arithmeticSeconds + transferSeconds;
  return {
    devices,
    mesh,
    seconds,
    arithmeticSeconds,
    transferSeconds,
    sentBytes,
    stateBytes: (valuesPerWeight * bytesOfValue * parameters) / model / (weights === 'sharded' ? data : 1),
    imagesPerSecond: batchSize / seconds,
    efficiency: (batchSize * secondsPerImage) / (seconds * devices),
  };
}

/** Share of a step's arithmetic that is the backward pass: two products for each of the forward. */
const backwardShare = 2 / 3;
