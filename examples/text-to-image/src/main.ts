/**
 * Images from text: captions that are true of CIFAR-10's images (class, brightness, colour, the
 * side that is brighter) or your own captions of your own pictures, a BPE tokenizer of them, and a
 * GPT that draws image codes (arXiv:2110.04627, stage 2) given a caption, with classifier-free
 * guidance. Draws prompts, and measures whether pictures carry what they were asked for.
 *
 *   npm run text-to-image            about 11 minutes on two cores; see README.md
 *   npm run text-to-image -- --prompt "a dark photo of a ship"            a finished run only draws
 *   npm run text-to-image -- --data path/to/pictures      captions of x.jpg stand in x.txt
 *   npm run text-to-image -- --help
 */
import '@tensorflow/tfjs';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { printable } from '@vitvq/core';
import { runProgram, startEngine, terminalView, UsageError, writeOutcome } from '@vitvq/example-shared';
import { abortOnCtrlC, assertSameImages, RunFolder } from '@vitvq/run';
import { promptProblems } from './captions.js';
import { checkPictures, checkSchema, summarize } from './check-stage.js';
import { codesSchema, encodeImages } from './codes-stage.js';
import { TOKENIZER_FOLDER } from './config.js';
import { openData } from './data.js';
import { gptSchema, trainGPT } from './gpt-stage.js';
import { parseArguments } from './options.js';
import { STAGES, type StageContext } from './stage-context.js';
import { assertFits, trainText } from './text.js';
import { findRun, provideTokenizer, tokenizerSchema } from './tokenizer-stage.js';
import { drawShown, metricsOf, OUTCOME_FILES, reportOf, type Outcome } from './outcome.js';

await runProgram('text-to-image', async () => {
  const { out, settings, fresh, data: directory, prompts, ...request } = parseArguments(process.argv.slice(2));
  // A run without a tokenizer should be told of before anything is written; once it is copied,
  // nobody needs the run.
  if (fresh || !existsSync(join(out, TOKENIZER_FOLDER))) findRun(settings);
  const folder = await RunFolder.open(out, {
    settings: { ...settings },
    stages: STAGES.filter((name) => name !== 'check' || directory === undefined),
    fresh,
    outcome: OUTCOME_FILES,
    log: terminalView.log,
  });
  const engine = await startEngine(request);

  const data = await openData(settings, directory);
  const text = trainText(data);
  const problems = prompts.flatMap((prompt) => promptProblems(prompt, text.words));
  if (problems.length > 0) throw new UsageError(problems);
  assertFits(prompts, text);
  await folder.begin();
  await assertSameImages(out, { train: data.train.source, validation: data.test.source });
  const { captions, source } = data.train;
  console.log(printable(`Captions: ${captions.length} of ${source.name}, such as "${captions[0]}"`));
  if (text.cut > 0) console.log(`  ${text.cut} have more than ${text.length} tokens: the rest of them is not read`);
  const context: StageContext = { settings, folder, data, text, signal: abortOnCtrlC(out) };
  const outcome = await runStages(context, prompts);
  const report = await reportOf(context, outcome, engine);
  const files = await writeOutcome(out, report, metricsOf(context, outcome, engine));
  const { natsPerToken, otherCaptionNatsPerToken, unigramNatsPerToken } = outcome.gpt.result;
  console.log(`
GPT:       ${natsPerToken.toFixed(3)} nats per token, ${otherCaptionNatsPerToken.toFixed(3)} given another image's caption, unigram entropy ${unigramNatsPerToken.toFixed(3)}
Pictures:  ${checkedLine(outcome)}
Shown:     ${join(out, prompts.length > 0 ? 'prompts.png' : 'pictures.png')}
Report:    ${files.report}
Numbers:   ${files.metrics}`);
});

async function runStages(context: StageContext, prompts: readonly string[]): Promise<Outcome> {
  const { folder, signal } = context;
  const tokenizer = await folder.stage('tokenizer', tokenizerSchema, () => provideTokenizer(context));
  signal.throwIfAborted();
  const codes = await folder.stage('codes', codesSchema, () => encodeImages(context));
  signal.throwIfAborted();
  const gpt = await folder.stage('gpt', gptSchema, () => trainGPT(context));
  signal.throwIfAborted();
  const { attributes } = context.data.train;
  const check = attributes && (await folder.stage('check', checkSchema, () => checkPictures(context, attributes)));
  signal.throwIfAborted();
  return { tokenizer, codes, gpt, check, ...(await drawShown(context, prompts)) };
}

function checkedLine({ check }: Outcome): string {
  if (check === undefined) return "not measured: what is measured is known of CIFAR-10's captions alone";
  const { asked, notAsked } = summarize(check.result);
  const percent = (fraction: number): string => `${(100 * fraction).toFixed(1)} %`;
  return `${percent(asked)} carry what they were asked for, ${percent(notAsked)} without being asked`;
}
