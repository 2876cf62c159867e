/**
 * The whole of ViT-VQGAN (arXiv:2110.04627) at small scale, from CIFAR-10 to generated images and a
 * linear probe: tokenizer, codes, class-conditional transformer, a grid of images of every class,
 * what each block of the models knows of classes, and a report. Each stage leaves its result, and
 * the trainings checkpoints: a run that was stopped or killed goes on where it was.
 *
 *   npm run pipeline            about 15 minutes on two cores; see README.md for what to expect
 *   npm run rq-pipeline         the same with an RQTransformer on residual codes (arXiv:2203.01941)
 *   npm run pipeline -- --help
 */
import '@tensorflow/tfjs';
import { join } from 'node:path';
import { abortOnCtrlC, RunFolder, runProgram, startEngine, writeOutcome } from '@vitvq/example-shared';
import { codesSchema, encodeImages } from './codes-stage.js';
import { amountsOf } from './config.js';
import { openImages } from './data.js';
import { trainTransformer, transformerSchema } from './gpt-stage.js';
import { parseArguments, programName } from './options.js';
import { probeModels, probeSchema } from './probe-stage.js';
import { generateImages, samplesSchema } from './samples-stage.js';
import { STAGES, type StageContext } from './stage-context.js';
import { tokenizerSchema, trainTokenizer } from './tokenizer-stage.js';
import { metricsOf, OUTCOME_FILES, reportOf, type Outcome } from './outcome.js';

const name = programName();

await runProgram(name, async () => {
  const { out, settings, fresh, ...request } = parseArguments(process.argv.slice(2), name);
  const folder = await RunFolder.open(out, {
    settings: { ...settings },
    stages: STAGES,
    fresh,
    outcome: OUTCOME_FILES,
  });
  const engine = await startEngine(request);
  const context: StageContext = { settings, folder, images: await openImages(settings), signal: abortOnCtrlC(out) };
  const outcome = await runStages(context);
  const report = await reportOf(context, outcome, engine);
  const files = await writeOutcome(out, report, metricsOf(context, outcome, engine));
  const { tokenizer, gpt, probe } = outcome;
  const top1 = (wanted: string): string =>
    `${(100 * probe.result.blocks.find(({ block }) => block === wanted)!.top1).toFixed(1)} %`;
  const { best, encoder, pixels, untrained } = probe.result;
  const ofEncoder = encoder === undefined ? '' : `, tokenizer ${top1(encoder)} (${encoder})`;
  console.log(`
Tokenizer:   ${tokenizer.result.psnr.toFixed(2)} dB, ${(100 * tokenizer.result.codebookUsage).toFixed(1)} % of the codes in use
Transformer: ${gpt.result.validationNatsPerToken.toFixed(3)} nats per token, unigram entropy ${gpt.result.unigramNatsPerToken.toFixed(3)}
Probe:       ${top1(best)} (${best}), raw pixels ${top1(pixels)}, random network ${top1(untrained)}${ofEncoder}
Samples:     ${join(out, 'samples.png')}
Report:      ${files.report}
Numbers:     ${files.metrics}`);
});

async function runStages(context: StageContext): Promise<Outcome> {
  const { folder, signal } = context;
  const tokenizer = await folder.stage('tokenizer', tokenizerSchema, () => trainTokenizer(context));
  signal.throwIfAborted();
  const amounts = amountsOf(context.settings, tokenizer.result);
  const codes = await folder.stage('codes', codesSchema, () => encodeImages(context, amounts));
  signal.throwIfAborted();
  const gpt = await folder.stage('gpt', transformerSchema, () => trainTransformer(context));
  signal.throwIfAborted();
  const samples = await folder.stage('samples', samplesSchema, () => generateImages(context));
  signal.throwIfAborted();
  const probe = await folder.stage('probe', probeSchema, () => probeModels(context, amounts));
  return { tokenizer, codes, gpt, samples, probe };
}
