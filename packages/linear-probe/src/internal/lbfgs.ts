/** The value and the gradient of a function at one position. */
export interface Evaluation {
  readonly value: number;
  readonly gradient: Float64Array;
}

/** A function to minimise. */
export type Objective = (position: Float64Array) => Promise<Evaluation>;

/** Limits of a search. */
export interface LbfgsOptions {
  /** Largest absolute component of the gradient at which the search ends. */
  readonly gradientTolerance: number;
  readonly maximumIterations: number;
}

/** The end of a search. */
export interface LbfgsResult extends Evaluation {
  readonly position: Float64Array;
  /** Largest absolute component of the gradient. */
  readonly gradientNorm: number;
  readonly iterations: number;
  /** Number of evaluations of the objective. */
  readonly evaluations: number;
  /** Whether the gradient fell to the tolerance. */
  readonly converged: boolean;
}

/** Number of remembered pairs of a step and the change of the gradient along it. */
const history = 20;
/**
 * Constants of the Wolfe conditions, sufficient decrease and curvature: the usual values for
 * quasi-Newton directions.
 */
const decrease = 0.1;
const curvature = 0.9;
/** Relative difference below which values count as equal: float32 is no more precise. */
const valueNoise = 1e-6;
/** Largest number of points of one line search. */
const maximumTrials = 30;

interface Point extends Evaluation {
  readonly position: Float64Array;
}

interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly inverseCurvature: number;
}

/**
 * Minimises a smooth convex function whose values and gradients are float32 numbers, by
 * limited-memory BFGS (Nocedal & Wright 2006, algorithms 7.4 and 7.5). Near the minimum such values
 * no longer tell which of two points is lower, but gradients still do. The line search therefore
 * accepts the approximate Wolfe conditions of Hager & Zhang (2005, equation 4.1) as well as the
 * plain ones. The search is deterministic.
 */
export async function minimize(
  objective: Objective,
  start: Float64Array,
  { gradientTolerance, maximumIterations }: LbfgsOptions,
): Promise<LbfgsResult> {
  let evaluations = 0;
  const evaluate = async (position: Float64Array): Promise<Point> => {
    evaluations++;
    return { position, ...(await objective(position)) };
  };
  let point = await evaluate(start);
  const pairs: Pair[] = [];
  let iterations = 0;
  while (maximum(point.gradient) > gradientTolerance && iterations < maximumIterations) {
    const direction = quasiNewtonDirection(point.gradient, pairs);
    // Without a pair the scale is unknown: start with a step of length 1.
    const firstStep = pairs.length ? 1 : 1 / Math.sqrt(dot(direction, direction));
    const next = await searchLine(evaluate, point, direction, firstStep);
    if (next) {
      remember(pairs, point, next);
      point = next;
      iterations++;
    } else if (pairs.length) {
      pairs.length = 0;
    } else {
      break; // Even steepest descent finds no lower point: only rounding is left.
    }
  }
  const gradientNorm = maximum(point.gradient);
  return { ...point, gradientNorm, iterations, evaluations, converged: gradientNorm <= gradientTolerance };
}

/** Returns minus the gradient times the approximate inverse Hessian, by the two-loop recursion. */
function quasiNewtonDirection(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const direction = gradient.map((value) => -value);
  const weights = pairs.map(() => 0);
  for (let index = pairs.length - 1; index >= 0; index--) {
    const { step, change, inverseCurvature } = pairs[index]!;
    weights[index] = inverseCurvature * dot(step, direction);
    addScaled(direction, change, -weights[index]!);
  }
  const newest = pairs.at(-1);
  if (newest) {
    const scale = 1 / (newest.inverseCurvature * dot(newest.change, newest.change));
    for (let index = 0; index < direction.length; index++) direction[index]! *= scale;
  }
  pairs.forEach(({ step, change, inverseCurvature }, index) => {
    addScaled(direction, step, weights[index]! - inverseCurvature * dot(change, direction));
  });
  return direction;
}

/** Adds the pair of a step, and drops the oldest one beyond the limit. */
function remember(pairs: Pair[], from: Point, to: Point): void {
  const step = difference(to.position, from.position);
  const change = difference(to.gradient, from.gradient);
  const product = dot(step, change);
  // Rounding can make the product zero or negative, which would spoil the approximation.
  if (!(product > Number.EPSILON * dot(change, change))) return;
  pairs.push({ step, change, inverseCurvature: 1 / product });
  if (pairs.length > history) pairs.shift();
}

/**
 * Finds a point on a line that satisfies the plain or the approximate Wolfe conditions; undefined
 * where it finds none.
 */
async function searchLine(
  evaluate: (position: Float64Array) => Promise<Point>,
  from: Point,
  direction: Float64Array,
  firstStep: number,
): Promise<Point | undefined> {
  const firstSlope = dot(from.gradient, direction);
  if (!(firstSlope < 0)) return undefined;
  let [low, lowSlope] = [0, firstSlope];
  let [high, highSlope] = [Infinity, NaN];
  let length = firstStep;
  for (let trial = 0; trial < maximumTrials; trial++) {
    const position = from.position.slice();
    addScaled(position, direction, length);
    const point = await evaluate(position);
    const slope = dot(point.gradient, direction);
    const isLower = point.value <= from.value + decrease * length * firstSlope;
    const isApproximatelyLower =
      slope <= (2 * decrease - 1) * firstSlope && point.value <= from.value + valueNoise * Math.abs(from.value);
    if (!isLower && !isApproximatelyLower) [high, highSlope] = [length, slope];
    else if (slope < curvature * firstSlope) [low, lowSlope] = [length, slope];
    else return point;
    length = nextLength(low, lowSlope, high, highSlope);
  }
  return undefined;
}

/**
 * Returns the length at which the slope would vanish if it were linear, kept away from the ends of
 * the bracket. While the minimum is not bracketed, the length grows.
 */
function nextLength(low: number, lowSlope: number, high: number, highSlope: number): number {
  if (high === Infinity) return 4 * low;
  const fraction = lowSlope / (lowSlope - highSlope);
  return low + (high - low) * (Number.isFinite(fraction) ? Math.min(Math.max(fraction, 0.1), 0.9) : 0.5);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index]! * b[index]!;
  return sum;
}

/** Adds `scale * values` to `target`. */
function addScaled(target: Float64Array, values: Float64Array, scale: number): void {
  for (let index = 0; index < target.length; index++) target[index]! += scale * values[index]!;
}

function difference(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, index) => value - b[index]!);
}

/** Returns the largest absolute component. */
function maximum(values: Float64Array): number {
  let most = 0;
  for (let index = 0; index < values.length; index++) {
    const size = Math.abs(values[index]!);
    if (!(size <= most)) most = size; // NaN counts as the largest.
  }
  return most;
}
