/**
 * Quickstart: trains a small ViT-VQGAN tokenizer (arXiv:2110.04627, stage 1) on CIFAR-10 or on your own pictures, at first on
 * squared error alone and then against a discriminator, measures it on images it has not seen, and writes a report.
 *
 *   npm run quickstart                                   about 6 minutes on two cores; see README.md for what to expect
 *   npm run quickstart -- --data path/to/your/pictures
 *   npm run quickstart -- --help
 */
import '@tensorflow/tfjs';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { listCheckpoints } from '@vitvq/checkpoint';
import { firstImages } from '@vitvq/core';
import { abortOnCtrlC, runProgram, showProgress, UsageError } from '@vitvq/example-shared';
import { useEngine } from '@vitvq/engine';
import { loadLPIPS } from '@vitvq/evaluation';
import { hingeAdversarialLoss } from '@vitvq/losses';
import { readTokenizerTraining, createTokenizerTrainer, type TokenizerTrainingSummary } from '@vitvq/stage1-trainer';
import { createViTVQ } from '@vitvq/tokenizer';
import { saveTokenizer } from '@vitvq/tokenizer/node';
import { L2_ALONE_FILE, L2AlonePictures, otherRun } from './comparison.js';
import { createDiscriminator, EVALUATION_BATCH, EVERY_SECONDS, modelConfig, SHOWN, trainingPlan } from './config.js';
import { openData, openTrainingBatches, readHeldOut } from './data.js';
import { parseArguments, type Request, type Settings } from './options.js';
import { writeMetrics, writeOutcomeReport, writeSamples } from './outcome.js';

/** Prints a line; while the bar is shown, above it. */
let say = (line: string): void => console.log(line);

async function main(): Promise<void> {
  const request = parseArguments(process.argv.slice(2));
  const { out } = request;
  const settings = request.resume ? await settingsOfEarlierRun(out) : request.settings;
  if (!request.resume) await refuseUnfinishedRun(request);

  const engine = await useEngine({
    name: request.engine,
    threads: request.threads,
    onCompile: ({ name, phase, milliseconds = 0 }) => {
      if (phase === 'done' && milliseconds > 500) say(`compiled "${name}" in ${(milliseconds / 1000).toFixed(1)} s`);
    },
  });
  say(`Engine: ${engine.name}, ${engine.threads} threads (${engine.description}), ${engine.reason}`);

  const data = await openData(settings, (line) => say(line));
  const heldOut = await readHeldOut(data, settings);
  say(`Images: ${data.description}, ${heldOut.shape[0]} held out`);
  if (data.skipped.length > 0) say(`Left out: ${data.skipped.length} unusable images`);
  for (const { name, reason } of data.skipped.slice(0, 5)) say(`  ${name}: ${reason}`);
  if (data.skipped.length > 5) say(`  and ${data.skipped.length - 5} more`);

  // Only now that nothing more can be wrong with the command line.
  if (!request.resume) await makeRoom(request);

  const tokenizer = createViTVQ(modelConfig(settings), { seed: settings.seed });
  say(
    `Model: ${(tokenizer.parameterCount() / 1e6).toFixed(2)} million weights, ${tokenizer.grid.join('x')} tokens an image, ${tokenizer.vocabSize} codes`,
  );
  const perceptual = settings.lpips === null ? undefined : await loadLPIPS(settings.lpips);
  const discriminator = createDiscriminator(settings);
  if (discriminator && !perceptual) {
    say(
      'Perceptual loss: off (weight 0), since its network has no weights here; --lpips <file> adds it, see README.md',
    );
  }
  const trainer = createTokenizerTrainer({
    tokenizer,
    perceptual,
    adversarial: discriminator && { discriminator, loss: hingeAdversarialLoss },
    config: trainingPlan(settings),
    openBatches: (startAt) => openTrainingBatches(data, settings, startAt),
    directory: out,
    checkpoint: { everySeconds: EVERY_SECONDS.checkpoint },
    evaluation: { images: heldOut, batchSize: EVALUATION_BATCH, everySeconds: EVERY_SECONDS.evaluation },
    preview: { images: firstImages(heldOut, SHOWN.samples) },
    notes: settings,
  });
  if (request.resume) {
    await trainer.restore(out);
    say(`Going on after step ${trainer.step}`);
  }

  const samples = join(out, 'samples');
  await mkdir(samples, { recursive: true });
  const writing: Promise<void>[] = [];
  trainer.on('evaluate', (evaluation) => {
    const complain = (error: Error): void => say(`a sample grid could not be written: ${error.message}`);
    writing.push(writeSamples(samples, heldOut, evaluation).catch(complain));
  });
  const l2Alone = new L2AlonePictures(
    out,
    heldOut,
    request.resume && (await readTokenizerTraining(out)).phase.adversary === 'competing',
  );
  if (discriminator) l2Alone.follow(trainer);
  const view = showProgress(process.stdout, { show: ['loss', 'logitsReal', 'logitsFake'] });
  let measured: string | undefined;
  trainer.on('step', (report) => view.update(report, measured));
  trainer.on('evaluate', ({ step, psnr, codebook }) => {
    measured = `${psnr.toFixed(2)} dB`;
    view.say(
      `step ${step}: ${measured} on held-out images, ${(100 * codebook.usage).toFixed(1)} % of the codes in use`,
    );
  });
  trainer.on('warning', ({ step, message }) => view.say(`step ${step}, warning: ${message}`));
  const plainly = say;
  say = (line) => view.say(line);
  let summary: TokenizerTrainingSummary;
  try {
    summary = await trainer.run({ signal: abortOnCtrlC() });
  } finally {
    view.stop();
    say = plainly;
  }
  await Promise.all([...writing, l2Alone.written()]);
  const { evaluation } = summary;
  if (!evaluation) {
    say(`\nStopped after step ${summary.step}; everything is saved in ${out}. To go on:`);
    say(`  npm run quickstart -- --resume --out ${out}`);
    process.exitCode = 130;
    return;
  }

  const skippedImages = data.skipped.length;
  const others = [
    ...(await l2Alone.read()),
    ...(request.compare === undefined ? [] : [await otherRun(request.compare, heldOut)]),
  ];
  const outcome = {
    skippedImages,
    request,
    settings,
    dataset: data.heldOut.name,
    engine,
    tokenizer,
    heldOut,
    summary,
    evaluation,
    others,
  };
  const report = await writeOutcomeReport(outcome);
  const model = join(out, 'model');
  await trainer.withEMA(() =>
    saveTokenizer(model, tokenizer, modelConfig(settings), {
      metadata: { trainedOn: data.description, steps: String(summary.step), psnr: evaluation.psnr.toFixed(2) },
    }),
  );
  const metrics = await writeMetrics(outcome);
  const { codebook } = evaluation;
  say(
    `\n${summary.step} steps in ${summary.elapsedSeconds.toFixed(0)} s, ${summary.examplesPerSecond.toFixed(0)} images/s`,
  );
  say(
    `PSNR ${evaluation.psnr.toFixed(2)} dB, codebook usage ${(100 * (codebook.paperUsage ?? codebook.usage)).toFixed(1)} %, perplexity ${codebook.perplexity.toFixed(0)} of ${tokenizer.vocabSize}`,
  );
  say(`Report:      ${report}`);
  say(`Pictures:    ${join(out, 'reconstructions.png')} and others beside it`);
  say(`Numbers:     ${metrics}`);
  say(`Checkpoint:  ${summary.checkpoint}`);
  say(`Model:       ${model}, for loadTokenizer of @vitvq/stage1`);
}

/** Settings of the run in `out`, which its checkpoints keep. */
async function settingsOfEarlierRun(out: string): Promise<Settings> {
  if ((await listCheckpoints(out)).length === 0) throw new UsageError([`--resume found no checkpoint in ${out}`]);
  return (await readTokenizerTraining(out)).notes as Settings;
}

/** A finished run in the folder gives way to the new one; an unfinished one only with `--fresh`. */
async function refuseUnfinishedRun({ out, fresh }: Request): Promise<void> {
  const isFinished = existsSync(join(out, 'metrics.json'));
  if (isFinished || fresh || (await listCheckpoints(out)).length === 0) return;
  throw new UsageError([
    `--out ${out} holds an unfinished run: add --resume to go on with it, or --fresh to delete it`,
  ]);
}

async function makeRoom({ out }: Request): Promise<void> {
  for (const { file } of await listCheckpoints(out)) await rm(file);
  for (const name of ['metrics.json', 'report.html', 'samples', 'model', L2_ALONE_FILE]) {
    await rm(join(out, name), { recursive: true, force: true });
  }
}

await runProgram('quickstart', main);
