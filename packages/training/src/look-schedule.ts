/** Steps after which a look is taken. */
export interface LookSchedule {
  /** Early ones; 0 is before the first step. @default [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] */
  readonly steps?: readonly number[];
  /** After the last of these, every so many steps; 0: never. @default the last of `steps` */
  readonly everySteps?: number;
}

const early = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/** Whether to look after a step: often at first, when most changes, then at regular distances. */
export function isLookDue(step: number, { steps = early, everySteps }: LookSchedule = {}): boolean {
  const last = Math.max(0, ...steps);
  const every = everySteps ?? last;
  return steps.includes(step) || (every > 0 && step > last && step % every === 0);
}
