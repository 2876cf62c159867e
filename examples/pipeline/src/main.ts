/**
 * The whole of ViT-VQGAN (arXiv:2110.04627) at small scale, from CIFAR-10 to generated images and a linear probe: tokenizer,
 * codes, class-conditional GPT, a grid of images of every class, what each block of the GPT knows of classes, and a report.
 * Each stage leaves its result, and the trainings checkpoints: a run that was stopped or killed goes on where it was.
 *
 *   npm run pipeline            about 15 minutes on two cores; see README.md for what to expect
 *   npm run pipeline -- --help
 */
import '@tensorflow/tfjs';
import { join } from 'node:path';
import { abortOnCtrlC, runProgram } from '@vitvq/cli';
import { useEngine } from '@vitvq/engine';
import { codesSchema, encodeImages } from './codes-stage.js';
import { openImages } from './data.js';
import { gptSchema, trainGPT } from './gpt-stage.js';
import { parseArguments } from './options.js';
import { probeGPT, probeSchema } from './probe-stage.js';
import { RunFolder } from './run-folder.js';
import { generateImages, samplesSchema } from './samples-stage.js';
import type { StageContext } from './stage-context.js';
import { tokenizerSchema, trainTokenizer } from './tokenizer-stage.js';
import { writeMetrics, writeOutcomeReport, type Outcome } from './write-outcome.js';

await runProgram('pipeline', async () => {
  const { out, settings, fresh, ...request } = parseArguments(process.argv.slice(2));
  const folder = await RunFolder.open(out, settings, { fresh });
  const engine = await useEngine({ name: request.engine, threads: request.threads });
  console.log(`Engine: ${engine.name}, ${engine.threads} threads (${engine.description}), ${engine.reason}`);
  const context: StageContext = { settings, folder, images: await openImages(settings), signal: abortOnCtrlC() };

  let outcome: Outcome;
  try {
    outcome = await runStages(context);
  } catch (error) {
    if (!context.signal.aborted || error !== context.signal.reason) throw error;
    console.log(`Stopped; everything is saved in ${out}. Start it again with the same options to go on.`);
    process.exitCode = 130;
    return;
  }

  const report = await writeOutcomeReport(context, outcome, engine);
  const metrics = await writeMetrics(context, outcome, engine);
  const { tokenizer, gpt, probe } = outcome;
  const top1 = (name: string): string =>
    `${(100 * probe.result.blocks.find(({ block }) => block === name)!.top1).toFixed(1)} %`;
  const { best, pixels, untrained } = probe.result;
  console.log(`
Tokenizer:  ${tokenizer.result.psnr.toFixed(2)} dB, ${(100 * tokenizer.result.codebookUsage).toFixed(1)} % of the codes in use
GPT:        ${gpt.result.validationNatsPerToken.toFixed(3)} nats per token, unigram entropy ${gpt.result.unigramNatsPerToken.toFixed(3)}
Probe:      ${top1(best)} (${best}), raw pixels ${top1(pixels)}, random network ${top1(untrained)}
Samples:    ${join(out, 'samples.png')}
Report:     ${report}
Numbers:    ${metrics}`);
});

async function runStages(context: StageContext): Promise<Outcome> {
  const { folder, signal } = context;
  const tokenizer = await folder.stage('tokenizer', tokenizerSchema, () => trainTokenizer(context));
  signal.throwIfAborted();
  const codes = await folder.stage('codes', codesSchema, () => encodeImages(context));
  signal.throwIfAborted();
  const gpt = await folder.stage('gpt', gptSchema, () => trainGPT(context));
  signal.throwIfAborted();
  const samples = await folder.stage('samples', samplesSchema, () => generateImages(context));
  signal.throwIfAborted();
  const probe = await folder.stage('probe', probeSchema, () => probeGPT(context));
  return { tokenizer, codes, gpt, samples, probe };
}
