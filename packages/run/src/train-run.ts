import { join } from 'node:path';
import { formatPercent } from '@vitvq/core';
import type { Engine, ProcessesOptions } from '@vitvq/engine';
import { writeJson, writeWhole } from '@vitvq/files';
import { writeReport, type CommandsBlock } from '@vitvq/report';
import { assertRunnable, assertTransformerFits } from './assert-runnable.js';
import { conditionsOf, type RunConditions } from './conditions.js';
import { formatRunConfig, resolveRunConfig } from './config/read-run-config.js';
import type { ResolvedTransformerStage, RunConfig } from './config/run-config.js';
import { formatFigures } from './format-figures.js';
import { probeResultSchema } from './probe-models.js';
import { reportOfRun } from './report/run-report.js';
import { reportOfTokenizer } from './report/tokenizer-report.js';
import { modelFolder, isAsked, stageNames, type RunContext, type StageName } from './run-context.js';
import { imagesFile, metricsFile, proxyFile, runConfigFile } from './run-files.js';
import { RunFolder } from './run-folder.js';
import { settingsOf, settingsOfStage } from './run-settings.js';
import { openRunImages, setsOf } from './run-images.js';
import { silentView, type RunView } from './run-progress.js';
import { metricsOf, type RunResults } from './run-results.js';
import { assertSameImages } from './same-images.js';
import { codesResultSchema, encodeImages } from './stages/codes-stage.js';
import { evaluateRunModels, evaluationResultSchema } from './stages/evaluation-stage.js';
import { probeRunModels } from './stages/probe-stage.js';
import { drawSamples, samplesResultSchema } from './stages/samples-stage.js';
import { withEngine } from './with-engine.js';
import { tokenizerFolder, tokenizerResultSchema, trainTokenizer } from './stages/tokenizer-stage.js';
import { trainTransformer, transformerResultSchema } from './stages/transformer-stage.js';

/** Options of {@link trainRun}. */
export interface TrainRunOptions {
  /** Folder of the run; a run of the same config that lies there is gone on with. */
  readonly out: string;
  /** Delete the run that lies in the folder, and start over. @default false */
  readonly fresh?: boolean;
  /** Saves and stops when it aborts. @default never */
  readonly signal?: AbortSignal;
  /** @default shows nothing */
  readonly view?: RunView;
  /**
   * In process 0 of a run of several: the mesh of the config has devices of all of them. The others
   * call `lendDevices`. @default this process is alone
   */
  readonly processes?: ProcessesOptions | undefined;
  /**
   * Model folder of another tokenizer, whose reconstructions the report of a tokenizer shows as
   * well. @default none
   */
  readonly compare?: string;
  /** Commands with which a reader of the report can go on. @default none */
  readonly commands?: CommandsBlock['commands'];
}

/** What a run came to. */
export interface TrainedRun {
  readonly results: RunResults;
  /** The content of `metrics.json`. */
  readonly metrics: Readonly<Record<string, unknown>>;
  /** Path of the report. */
  readonly report: string;
  /** Path of `metrics.json`. */
  readonly metricsFile: string;
}

/**
 * Trains everything that a config asks for, and writes a report: the tokenizer, and with a
 * transformer its codes, the transformer, images that it draws, and a linear probe. Each stage
 * leaves its result, and trainings leave checkpoints: the same call goes on where an earlier one
 * was stopped or killed, also where the images lie elsewhere, as long as they are the same.
 *
 * The folder holds `config.yaml` (the config with its defaults), a folder and a result of each
 * stage, `report.html` with its pictures, and `metrics.json`.
 * @throws {ConfigError} for a config with problems, naming all of them, and where the folder holds
 *   a run of another config or of other images
 * @throws {DataError} for images that cannot be read
 * @throws the signal's reason when it was aborted; everything is saved then
 */
export async function trainRun(given: RunConfig, options: TrainRunOptions): Promise<TrainedRun> {
  const { out, fresh = false, view = silentView, signal = new AbortController().signal, processes } = options;
  const config = resolveRunConfig(given);
  const folder = await RunFolder.open<StageName>(out, {
    settings: await settingsOf(config),
    settingsOf: settingsOfStage,
    stages: stageNames.filter((name) => isAsked(name, config)),
    fresh,
    // Also those of stages that this config does not have: results of two runs are never mixed.
    outcome: [...outcomeFiles, ...stageNames, ...stageNames.map((name) => `${name}.json`)],
    log: view.log,
  });
  let conditions: RunConditions | undefined;
  try {
    return await withEngine({ config, processes, view, signal }, async (engine) => {
      const images = await openRunImages(config, view, signal);
      // Everything that can be told is told before anything is trained, or deleted.
      await assertRunnable(config, images, options.compare);
      if (config.transformer) {
        conditions = await conditionsOf(config.transformer, images.train, config.seed);
      }
      const writing = config.transformer && { stage: config.transformer, conditions: conditions! };
      if (writing) await assertTransformerFits(config, writing.stage, writing.conditions.conditioner);
      await folder.begin();
      await assertSameImages(out, setsOf(images));
      await writeWhole(join(out, runConfigFile), `${formatRunConfig(config)}\n`);
      const context: RunContext = { config, folder, images, view, signal };
      const results = await runStages(context, writing);
      return await writeOutcome(context, results, engine, options);
    });
  } finally {
    conditions?.dispose();
    await folder.close();
  }
}

/** What `fresh` deletes beside the stages. */
const outcomeFiles = [
  metricsFile,
  imagesFile,
  proxyFile,
  runConfigFile,
  'report.html',
  ...['samples', 'reconstructions', 'comparison', 'token-maps', 'codebook-usage', 'layer-sweep'].map(
    (name) => `${name}.png`,
  ),
  ...['tokenizer-loss', 'tokenizer-psnr', 'transformer-loss'].map((name) => `${name}.png`),
  ...Array.from({ length: 9 }, (_, chart) => `training-${chart + 1}.png`),
];

/** What the stages of a transformer work with, beside the context. */
interface Writing {
  readonly stage: ResolvedTransformerStage;
  /** Made once: a text tokenizer may have been trained for them. */
  readonly conditions: RunConditions;
}

async function runStages(context: RunContext, writing: Writing | undefined): Promise<RunResults> {
  const { config, folder, signal } = context;
  const { tokenizer: tokenizerStage } = config;
  let tokenizer: RunResults['tokenizer'];
  if ('from' in tokenizerStage) await tokenizerFolder(context);
  else {
    tokenizer = await folder.stage('tokenizer', tokenizerResultSchema, () => trainTokenizer(context, tokenizerStage));
    signal.throwIfAborted();
  }
  const trained = { ...(tokenizer && { tokenizer }), ...(writing && (await runTransformerStages(context, writing))) };
  if (!config.evaluation) return trained;
  signal.throwIfAborted();
  const evaluation = await folder.stage('evaluation', evaluationResultSchema, () => evaluateRunModels(context));
  return { ...trained, evaluation };
}

async function runTransformerStages(
  context: RunContext,
  { stage, conditions }: Writing,
): Promise<Required<Pick<RunResults, 'codes' | 'transformer' | 'samples'>> & Pick<RunResults, 'probe'>> {
  const { config, folder, signal } = context;
  const codes = await folder.stage('codes', codesResultSchema, () => encodeImages(context, stage, conditions));
  signal.throwIfAborted();
  const transformer = await folder.stage('transformer', transformerResultSchema, () =>
    trainTransformer(context, stage, conditions),
  );
  signal.throwIfAborted();
  const samples = await folder.stage('samples', samplesResultSchema, () => drawSamples(context));
  signal.throwIfAborted();
  if (!config.probe) return { codes, transformer, samples };
  const probe = await folder.stage('probe', probeResultSchema, () => probeRunModels(context, stage, samples.result));
  return { codes, transformer, samples, probe };
}

async function writeOutcome(
  context: RunContext,
  results: RunResults,
  engine: Engine,
  { out, compare, commands = [] }: TrainRunOptions,
): Promise<TrainedRun> {
  const { config, images, view } = context;
  const { tokenizer, codes, transformer, samples } = results;
  const options = { engine, commands, compare };
  let report = join(out, 'report.html');
  if (config.transformer && codes && transformer && samples) {
    const content = await reportOfRun(
      context,
      config.transformer,
      { ...results, codes, transformer, samples },
      options,
    );
    report = await writeReport(out, content);
  } else if (tokenizer && !('from' in config.tokenizer)) {
    const content = await reportOfTokenizer(
      context,
      config.tokenizer,
      tokenizer.result,
      results.evaluation?.result,
      options,
    );
    report = await writeReport(out, content);
  }
  const metrics = metricsOf(results, { config, engine, skippedImages: images.skipped.length });
  const file = join(out, metricsFile);
  await writeJson(file, metrics);
  const models = (['tokenizer', 'transformer'] as const).filter((stage) => results[stage] !== undefined);
  const places = models.map((stage) => `Model:       ${join(out, stage, modelFolder)}`);
  view.log(['', ...factsOf(results), ...places, `Report:      ${report}`, `Numbers:     ${file}`].join('\n'));
  return { results, metrics, report, metricsFile: file };
}

/** Returns the most important numbers, a line each. */
function factsOf({ tokenizer, transformer, probe, evaluation }: RunResults): string[] {
  const lines: string[] = [];
  if (tokenizer) {
    const { psnr, detail, blockiness, codebookUsage, codebookPerplexity, klNatsPerLatent } = tokenizer.result;
    const facts = [
      `PSNR ${psnr.toFixed(2)} dB`,
      `detail ${detail.toFixed(2)}`,
      ...(blockiness === null ? [] : [`blockiness ${blockiness.toFixed(2)}`]),
      ...(codebookUsage === undefined ? [] : [`${formatPercent(codebookUsage)} of the codes in use`]),
      ...(codebookPerplexity === undefined ? [] : [`perplexity ${codebookPerplexity.toFixed(0)}`]),
      ...(klNatsPerLatent === undefined ? [] : [`KL ${klNatsPerLatent.toFixed(2)} nats a latent`]),
    ];
    lines.push(`Tokenizer:   ${facts.join(', ')}`);
  }
  if (transformer) {
    const { validationNatsPerToken, unigramNatsPerToken } = transformer.result;
    lines.push(
      `Transformer: ${validationNatsPerToken.toFixed(3)} nats per token, unigram entropy ${unigramNatsPerToken.toFixed(3)}`,
    );
  }
  if (probe) {
    const { blocks, best, pixels, untrained, encoder } = probe.result;
    const top1 = (name: string): string => formatPercent(blocks.find(({ block }) => block === name)!.top1);
    lines.push(
      `Probe:       ${top1(best)} (${best}), raw pixels ${top1(pixels)}, random network ${top1(untrained)}, ` +
        `tokenizer ${top1(encoder)} (${encoder})`,
    );
  }
  if (evaluation) lines.push('', formatFigures(evaluation.result.cards), '');
  return lines;
}
