import type { RungRecord } from './ladder-record.js';
import type { Rung } from './rungs.js';

/** A curve of a rung beside the one that is expected. */
export interface CurveVerdict {
  readonly isReached: boolean;
  /** At the end. */
  readonly measured: number;
  /** At the same step; undefined where nothing is expected. */
  readonly expected: number | undefined;
  /** Step from which on the curve stays outside the tolerance; undefined where it does not. */
  readonly behindSince: number | undefined;
}

/** Both curves of a rung. */
export interface RungVerdict {
  readonly psnr: CurveVerdict;
  readonly natsPerToken: CurveVerdict;
  /** Whether both are reached. */
  readonly isReached: boolean;
}

/**
 * Compares what a rung measured with what is expected, each point at its step. A curve is reached
 * when it ends within the tolerance or on the better side, and where nothing is expected.
 */
export function compareRung(
  record: RungRecord,
  expected: RungRecord | undefined,
  { psnrTolerance, natsTolerance }: Pick<Rung, 'psnrTolerance' | 'natsTolerance'>,
): RungVerdict {
  const psnr = compareCurves(record.psnr, expected?.psnr, (value, wanted) => value >= wanted - psnrTolerance);
  const natsPerToken = compareCurves(
    record.natsPerToken,
    expected?.natsPerToken,
    (value, wanted) => value <= wanted + natsTolerance,
  );
  return { psnr, natsPerToken, isReached: psnr.isReached && natsPerToken.isReached };
}

type Curve = RungRecord['psnr'];

function compareCurves(
  curve: Curve,
  expected: Curve | undefined,
  isWithin: (value: number, wanted: number) => boolean,
): CurveVerdict {
  const measured = curve.at(-1)![1];
  if (!expected) return { isReached: true, measured, expected: undefined, behindSince: undefined };
  const lastWithin = curve.findLastIndex(([step, value]) => isWithin(value, valueAt(expected, step)));
  return {
    isReached: lastWithin === curve.length - 1,
    measured,
    expected: valueAt(expected, curve.at(-1)![0]),
    behindSince: curve[lastWithin + 1]?.[0],
  };
}

/** Returns the value of a curve at a step, along straight lines between its points. */
function valueAt(curve: Curve, step: number): number {
  const next = curve.findIndex(([position]) => position >= step);
  if (next === -1) return curve.at(-1)![1];
  if (next === 0) return curve[0]![1];
  const [[before, low], [after, high]] = [curve[next - 1]!, curve[next]!];
  return low + ((high - low) * (step - before)) / (after - before);
}
