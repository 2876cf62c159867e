import { engineChanges, type EngineChoice } from '@vitvq/example-shared';
import type { Precision } from '@vitvq/engine';
import { readRunConfig, type ResolvedRunConfig } from '@vitvq/run';

/** The two recipes: one code a position and a GPT, or residual codes and an RQTransformer. */
export const MODELS = ['gpt', 'rq'] as const;
export type ModelName = (typeof MODELS)[number];

export const DEFAULTS = {
  out: { gpt: 'runs/pipeline', rq: 'runs/rq-pipeline' },
  model: 'gpt',
  minutes: 20,
} as const satisfies Record<string, unknown> & { out: Record<ModelName, string>; model: ModelName };

/** What decides the config of a run. */
export interface ConfigRequest extends EngineChoice {
  readonly model: ModelName;
  readonly seed: number;
  /** Of the whole pipeline, on two quiet cores; the default leaves the config as it is. */
  readonly minutes: number;
  readonly smoke: boolean;
  /** Of matrix products and convolutions in both trainings. */
  readonly precision: Precision;
  /** Folder of pictures. @default CIFAR-10 */
  readonly data?: string | undefined;
}

const configs = { gpt: 'pipeline', rq: 'rq-pipeline' } as const;

/** Fields that lay the config for photos over the one of residual codes. */
const photos = {
  tokenizer: {
    model: { imageSize: 64, patchSize: 8 },
    training: { images: { crop: 'random', resizeTo: 72, flip: true } },
  },
} as const;

/** Returns the config of a run. */
export async function configOf(request: ConfigRequest): Promise<ResolvedRunConfig> {
  const { model, seed, minutes, smoke, precision, data } = request;
  const changes = {
    seed,
    precision,
    ...engineChanges(request),
    ...(data !== undefined && photos),
  };
  const own = data === undefined ? {} : { data: { kind: 'folder', path: data } as const };
  const config = await readRunConfig(smoke ? `${configs[model]}-smoke` : configs[model], { changes, ...own });
  return minutes === DEFAULTS.minutes || smoke
    ? config
    : readRunConfig(configs[model], { changes, ...own, set: lengths(config, minutes) });
}

/** Most images of each stage without a clock, however long a run is. */
const mostImages = { 'transformer.codes.images': 40_000, 'probe.images': 10_000, 'probe.testImages': 10_000 } as const;
const leastImages = 1_000;

/** Returns the fields that make a run as long as was asked for: trainings and numbers of images. */
function lengths({ tokenizer, transformer, probe }: ResolvedRunConfig, minutes: number): string[] {
  const factor = minutes / DEFAULTS.minutes;
  const durations = {
    'tokenizer.training.duration': 'training' in tokenizer ? tokenizer.training.duration : undefined,
    'transformer.training.duration': transformer?.training.duration,
  };
  const images = {
    'transformer.codes.images': transformer?.codes.images,
    'probe.images': probe?.images,
    'probe.testImages': probe?.testImages,
  };
  return [
    ...Object.entries(durations).flatMap(([path, duration]) =>
      duration && 'minutes' in duration ? [`${path}.minutes=${duration.minutes * factor}`] : [],
    ),
    ...Object.entries(images).flatMap(([path, count]) => {
      if (count === undefined) return [];
      const most = mostImages[path as keyof typeof mostImages];
      return [`${path}=${Math.min(most, Math.max(leastImages, Math.round(count * factor)))}`];
    }),
  ];
}
