import { describe, expect, it } from 'vitest';
import { simulateDevices, type SimulatedTraining } from '../src/simulate-devices.js';

const training: SimulatedTraining = {
  secondsPerImage: 0.1,
  parameters: 1e6,
  valuesPerWeight: 4,
  batchSize: 64,
  blockValues: 1e6,
};
const links = { bytesPerSecond: 1e9, secondsPerMessage: 1e-5 };

describe('simulateDevices', () => {
  it('moves nothing on one device', () => {
    expect(simulateDevices(training, links, 1)).toMatchObject({
      mesh: { data: 1, model: 1 },
      arithmeticSeconds: 6.4,
      transferSeconds: 0,
      sentBytes: 0,
      stateBytes: 16e6,
      imagesPerSecond: 10,
      efficiency: 1,
    });
  });

  it('sends what a ring of devices sends, once more where weights are sharded', () => {
    const replicated = simulateDevices(training, links, 4);
    expect(replicated.sentBytes).toBeCloseTo(2 * 0.75 * 4e6);
    expect(replicated.transferSeconds).toBeCloseTo(6e-3 + 6e-5);
    expect(replicated.arithmeticSeconds).toBeCloseTo(1.6);
    expect(replicated.seconds).toBeCloseTo(1.60606);
    expect(replicated.efficiency).toBeCloseTo(1.6 / 1.60606);
    const sharded = simulateDevices(training, links, 4, { weights: 'sharded' });
    expect(sharded.sentBytes).toBeCloseTo(3 * 0.75 * 4e6);
    expect(sharded.stateBytes).toBe(4e6);
  });

  it('hides sums of gradients behind the backward pass only', () => {
    const slow = { bytesPerSecond: 1e6, secondsPerMessage: 0 };
    const open = simulateDevices(training, slow, 4);
    const hidden = simulateDevices(training, { ...slow, overlap: 1 }, 4);
    expect(open.transferSeconds - hidden.transferSeconds).toBeCloseTo((2 / 3) * 1.6);
    expect(simulateDevices(training, { ...links, overlap: 1 }, 4).transferSeconds).toBe(0);
  });

  it('shards layers where there are more devices than images', () => {
    const { mesh, sentBytes, arithmeticSeconds } = simulateDevices(training, links, 256);
    expect(mesh).toMatchObject({ data: 64, model: 4 });
    expect(arithmeticSeconds).toBeCloseTo(0.025);
    expect(sentBytes).toBeCloseTo(2 * (63 / 64) * 1e6 + 4 * 2 * 0.75 * 4e6);
    expect(simulateDevices(training, links, 8, { model: 2 }).mesh).toMatchObject({ data: 4, model: 2 });
  });

  it('has a device with the most images decide', () => {
    expect(simulateDevices({ ...training, batchSize: 5 }, links, 4).arithmeticSeconds).toBeCloseTo(0.2);
  });

  it.each([
    [{ secondsPerImage: 0 }, {}, 4, /secondsPerImage/],
    [{}, { bytesPerSecond: 0 }, 4, /bytesPerSecond/],
    [{}, { overlap: 2 }, 4, /overlap/],
    [{}, {}, 0, /devices/],
  ])('refuses %j %j %i', (change, links_, devices, message) => {
    expect(() => simulateDevices({ ...training, ...change }, { ...links, ...links_ }, devices)).toThrow(message);
  });

  /**
   * Images a second of the paper (arXiv:2110.04627, Table 1) on 128 devices with batches of 256:
   * encoder and decoder small-small, base-base, small-large. Two of them give what a device takes
   * for an operation of the transformers and for the rest (discriminator, VGG), and the third
   * follows.
   */
  it("predicts the paper's images a second within five percent", () => {
    const forward = ({ dim, depth, mlpDim }: { dim: number; depth: number; mlpDim: number }): number =>
      1024 * depth * (2 * (4 * dim * dim + 2 * dim * mlpDim) + 4 * 1024 * dim);
    const small = { dim: 512, depth: 8, mlpDim: 2048 };
    const base = { dim: 768, depth: 12, mlpDim: 3072 };
    const large = { dim: 1280, depth: 32, mlpDim: 5120 };
    const devices = 128;
    const [ss, bb] = [
      { operations: 2 * forward(small), seconds: devices / 1520 },
      { operations: 2 * forward(base), seconds: devices / 960 },
    ];
    const perOperation = (bb.seconds - ss.seconds) / (bb.operations - ss.operations);
    const rest = ss.seconds - perOperation * ss.operations;
    const secondsPerImage = rest + perOperation * (forward(small) + forward(large));
    const paper = { secondsPerImage, parameters: 32e6 / 2 + 599e6, valuesPerWeight: 4, batchSize: 256, blockValues: 0 };
    const fast = { bytesPerSecond: 100e9, secondsPerMessage: 1e-6, overlap: 1 };
    const { imagesPerSecond } = simulateDevices(paper, fast, devices);
    expect(Math.abs(imagesPerSecond / 384 - 1)).toBeLessThan(0.05);
  });
});
