/** Every number of this example. */

export interface Settings {
  readonly seed: number;
  /** Images in the report. */
  readonly images: number;
  readonly smoke: boolean;
}

export const DEFAULTS = { run: 'runs/pipeline', out: 'runs/completion', seed: 0, images: 20 } as const;

/** Images that are measured: all of them, or where there are more so many, drawn at random. */
export const MEASURED_IMAGES = 1000;

/**
 * Completions of each image in the report, from as many seeds. The first of either kind is
 * measured, on every image.
 */
export const COMPLETIONS = { withClass: 4, withoutClass: 2 } as const;

/** How completions are drawn; guidance is towards the class, so those without a class have none. */
export const SAMPLING = { topK: 100, guidanceScale: 2 } as const;

/** Images at once, whatever is done to them. */
export function batchSizeOf({ smoke }: Settings): number {
  return smoke ? SMOKE.batchSize : 50;
}

/** `--smoke`: everything once, with models of configs/pipeline-smoke.yaml. */
export const SMOKE = { images: 3, batchSize: 8 } as const;
