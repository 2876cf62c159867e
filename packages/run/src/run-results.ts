import { deviceCountOf, type Engine } from '@vitvq/engine';
import type { MetricCard } from '@vitvq/evaluation';
import type { ResolvedRunConfig } from './config/run-config.js';
import type { ProbeResult } from './probe-models.js';
import type { StageResult } from './run-folder.js';
import type { CodesResult } from './stages/codes-stage.js';
import type { EvaluationResult } from './stages/evaluation-stage.js';
import type { SamplesResult } from './stages/samples-stage.js';
import type { TokenizerResult } from './stages/tokenizer-stage.js';
import type { TransformerResult } from './stages/transformer-stage.js';

/** What the stages of a run came to; a stage that the run does not have is absent. */
export interface RunResults {
  readonly tokenizer?: StageResult<TokenizerResult>;
  readonly codes?: StageResult<CodesResult>;
  readonly transformer?: StageResult<TransformerResult>;
  readonly samples?: StageResult<SamplesResult>;
  readonly probe?: StageResult<ProbeResult>;
  readonly evaluation?: StageResult<EvaluationResult>;
}

/** Returns the seconds of each stage, and of all together as `total`. */
export function secondsOf(results: RunResults): Readonly<Record<string, number | undefined>> {
  const stages = Object.entries(results).map(([name, { seconds }]: [string, StageResult<unknown>]) => [name, seconds]);
  const seconds = Object.fromEntries(stages) as Record<string, number>;
  return { ...seconds, total: Object.values(seconds).reduce((sum, value) => sum + value, 0) };
}

/** Returns the numbers of `metrics.json`. */
export function metricsOf(
  results: RunResults,
  { config, engine, skippedImages }: { config: ResolvedRunConfig; engine: Engine; skippedImages: number },
): Readonly<Record<string, unknown>> {
  const { tokenizer, transformer, probe, evaluation } = results;
  return {
    ...(transformer && transformerMetrics(transformer.result)),
    ...(probe && probeMetrics(probe.result)),
    ...(tokenizer && tokenizerMetrics(tokenizer.result)),
    ...(evaluation && headlines(evaluation.result)),
    ...(evaluation && { evaluation: evaluationMetrics(evaluation.result) }),
    ...(transformer && { tokenizerSteps: tokenizer?.result.steps, transformerSteps: transformer.result.steps }),
    seconds: secondsOf(results),
    engine: engine.name,
    threads: engine.threads,
    devices: deviceCountOf(engine.mesh),
    skippedImages,
    settings: config,
  };
}

function tokenizerMetrics({ codes: _codes, ...figures }: TokenizerResult): object {
  return figures;
}

/**
 * Returns what the proxy says of what the run makes: of generated images, or of reconstructions
 * where none are generated. A figure is null where it was not measured, or not by a proxy.
 */
function headlines({ cards }: EvaluationResult): { classAccuracy: number | null; frechetProxy: number | null } {
  const subject = cards.some((card) => card.subject === 'generated') ? 'generated' : 'reconstructed';
  const valueOf = (name: MetricCard['metric']): number | null =>
    cards.find((card) => card.subject === subject && card.metric === name && card.extractor?.isProxy)?.value ?? null;
  return { classAccuracy: valueOf('class-accuracy'), frechetProxy: valueOf('frechet-distance') };
}

/** Values by subject and metric; what each was measured with stands in the cards. */
function evaluationMetrics({ cards, proxyAccuracy }: EvaluationResult): object {
  const figures: Record<string, Record<string, number | null>> = {
    real: { 'class-accuracy': proxyAccuracy },
    reconstructed: {},
    generated: {},
  };
  for (const { subject, metric, value, floor } of cards) {
    figures[subject]![metric] = value;
    if (floor) figures['real']![metric] = floor.value;
  }
  return figures;
}

function transformerMetrics({ validationNatsPerToken, unigramNatsPerToken, levels }: TransformerResult): object {
  return {
    validationNatsPerToken,
    unigramNatsPerToken,
    validationNatsPerPosition: validationNatsPerToken * levels.length,
    unigramNatsPerPosition: unigramNatsPerToken * levels.length,
    unigramNatsOfLevels: levels.map(({ unigramNats }) => unigramNats),
  };
}

function probeMetrics(probe: ProbeResult): object {
  const { blocks, best, pixels, untrained, encoder, generatedTop1 } = probe;
  const blockOf = (name: string): ProbeResult['blocks'][number] | undefined =>
    blocks.find(({ block }) => block === name);
  const chosen = blockOf(best)!;
  const ofEncoder = blockOf(encoder)!;
  return {
    probeTop1: chosen.top1,
    probeTop1Interval: chosen.interval,
    probeTop5: chosen.top5,
    probeBlock: chosen.block,
    pixelTop1: blockOf(pixels)!.top1,
    randomNetworkTop1: blockOf(untrained)!.top1,
    generatedTop1,
    encoderTop1: ofEncoder.top1,
    encoderTop1Interval: ofEncoder.interval,
    encoderBlock: ofEncoder.block,
    latentsTop1: blockOf('latents')?.top1,
    quantizedTop1: blockOf('quantized')?.top1,
  };
}
