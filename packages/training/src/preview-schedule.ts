import { checkOptions, type OptionTable } from '@vitvq/core';

/** Steps after which a preview is drawn. */
export interface PreviewSchedule {
  /**
   * Early steps; 0 is before the first one.
   * @default [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
   */
  readonly steps?: readonly number[];
  /** Distance between previews after the last of `steps`; 0: none. @default the last of `steps` */
  readonly everySteps?: number;
}

/** Names of {@link PreviewSchedule}, to which each trainer adds what it draws. */
export const previewScheduleNames: OptionTable<PreviewSchedule> = {
  steps: 'optional',
  everySteps: 'optional',
};

const early = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/**
 * Returns whether a preview is due after a step: often at first, when most changes, then at regular
 * distances.
 */
export function isPreviewDue(step: number, schedule: PreviewSchedule = {}): boolean {
  const { steps = early, everySteps } = checkOptions(schedule, previewScheduleNames, 'isPreviewDue', {
    allowOthers: true,
  });
  const last = Math.max(0, ...steps);
  const every = everySteps ?? last;
  return steps.includes(step) || (every > 0 && step > last && step % every === 0);
}
