import { describe, expect, it } from 'vitest';
import { minimize, type Objective } from '../src/internal/lbfgs.js';

const limits = { gradientTolerance: 1e-8, maximumIterations: 500 };

/** Half the sum of c_i (x_i - i)^2 with curvatures c from 1 to 10^4. */
const quadratic: Objective = async (x) => {
  const curvatures = x.map((_, index) => 10 ** ((4 * index) / (x.length - 1)));
  const gradient = x.map((value, index) => curvatures[index]! * (value - index));
  return { value: gradient.reduce((sum, slope, index) => sum + (slope * (x[index]! - index)) / 2, 0), gradient };
};

describe('minimize', () => {
  it('finds the minimum of an ill-conditioned quadratic', async () => {
    const { position, converged, gradientNorm } = await minimize(quadratic, new Float64Array(12), limits);
    expect(converged).toBe(true);
    expect(gradientNorm).toBeLessThanOrEqual(1e-8);
    position.forEach((value, index) => expect(value).toBeCloseTo(index, 7));
  });

  it('converges where values are too coarse to tell the last points apart', async () => {
    // log cosh has its minimum, 0, at 3; a constant on top leaves float32 only steps of 6e-5.
    const coarse: Objective = async ([x]) => ({
      value: Math.fround(1_000 + Math.log(Math.cosh(x! - 3))),
      gradient: Float64Array.of(Math.fround(Math.tanh(x! - 3))),
    });
    const { position, converged } = await minimize(coarse, Float64Array.of(40), { ...limits, gradientTolerance: 1e-6 });
    expect(converged).toBe(true);
    expect(position[0]).toBeCloseTo(3, 5);
  });

  it('evaluates once where the start is the minimum', async () => {
    const start = Float64Array.from({ length: 4 }, (_, index) => index);
    expect(await minimize(quadratic, start, limits)).toMatchObject({ iterations: 0, evaluations: 1, converged: true });
  });

  it('says that it did not converge when iterations run out', async () => {
    const { converged, iterations, gradientNorm } = await minimize(quadratic, new Float64Array(12), {
      ...limits,
      maximumIterations: 3,
    });
    expect({ converged, iterations }).toEqual({ converged: false, iterations: 3 });
    expect(gradientNorm).toBeGreaterThan(1e-8);
  });

  it('ends where rounding leaves nothing lower to find', async () => {
    // The gradient never vanishes: its sign is all that is known of it.
    const kinked: Objective = async ([x]) => ({ value: Math.abs(x!), gradient: Float64Array.of(x! < 0 ? -1 : 1) });
    const { converged, position } = await minimize(kinked, Float64Array.of(0.3), limits);
    expect(converged).toBe(false);
    expect(Math.abs(position[0]!)).toBeLessThan(0.3);
  });

  it('does not take NaN for convergence', async () => {
    const broken: Objective = async (x) => ({ value: NaN, gradient: x.map(() => NaN) });
    expect((await minimize(broken, new Float64Array(2), limits)).converged).toBe(false);
  });

  it('leaves the start alone', async () => {
    const start = new Float64Array(12);
    await minimize(quadratic, start, limits);
    expect(start).toEqual(new Float64Array(12));
  });
});
