/**
 * Large images from small ones: a tokenizer of images, and a transformer (arXiv:2110.04627, stage
 * 2) that is given the pixels of a small image and draws the codes of the large one. Compares with
 * bicubic interpolation, and with the same transformer without a condition.
 *
 *   npm run super-resolution            about 12 minutes; see README.md
 *   npm run super-resolution -- --scale 2 --out runs/twice
 *   npm run super-resolution -- --help
 */
import '@tensorflow/tfjs';
import { join } from 'node:path';
import {
  imageToImageMetrics,
  imageTokenizerSchema,
  imageTransformerSchema,
  runProgram,
  startEngine,
  terminalView,
  trainImageTokenizer,
  trainTransformerOf,
  writeOutcome,
} from '@vitvq/example-shared';
import { abortOnCtrlC, assertSameImages, RunFolder } from '@vitvq/run';
import { SHOWN } from './config.js';
import { openData } from './data.js';
import { measureImages, measureSchema, restoreImages } from './measure.js';
import { parseArguments } from './options.js';
import { OUTCOME_FILES, reportOf, type Outcome } from './outcome.js';
import { contextOf, STAGES, type StageContext } from './stage-context.js';

await runProgram('super-resolution', async () => {
  const { out, settings, fresh, data: directory, ...request } = parseArguments(process.argv.slice(2));
  const folder = await RunFolder.open(out, {
    settings: { ...settings },
    stages: STAGES,
    fresh,
    outcome: OUTCOME_FILES,
    log: terminalView.log,
  });
  const engine = await startEngine(request);
  const data = await openData(settings, directory);
  await folder.begin();
  await assertSameImages(out, { train: data.train, validation: data.test });
  const context = contextOf(settings, data, { folder, signal: abortOnCtrlC(out) });
  const outcome = await runStages(context);
  const metrics = imageToImageMetrics(settings, outcome, engine);
  const files = await writeOutcome(out, await reportOf(context, outcome, engine), metrics);
  const { natsPerToken, otherConditionNatsPerToken, noConditionNatsPerToken } = outcome.transformer.result;
  const { bicubic, ours, noCondition } = outcome.measure.result.figures;
  console.log(`
Transformer: ${natsPerToken.toFixed(3)} nats per token, ${otherConditionNatsPerToken.toFixed(3)} given another small image, ${noConditionNatsPerToken.toFixed(3)} given none
PSNR:        ${ours.psnr.toFixed(2)} dB, bicubic ${bicubic.psnr.toFixed(2)} dB, without condition ${noCondition.psnr.toFixed(2)} dB
Fréchet:     ${ours.frechetDistance.toFixed(2)}, bicubic ${bicubic.frechetDistance.toFixed(2)}, without condition ${noCondition.frechetDistance.toFixed(2)}
Shown:       ${join(out, 'pictures.png')}
Report:      ${files.report}
Numbers:     ${files.metrics}`);
});

async function runStages(context: StageContext): Promise<Outcome> {
  const { folder, signal } = context;
  const tokenizer = await folder.stage('tokenizer', imageTokenizerSchema, () => trainImageTokenizer(context));
  signal.throwIfAborted();
  const transformer = await folder.stage('transformer', imageTransformerSchema, () => trainTransformerOf(context));
  signal.throwIfAborted();
  const measure = await folder.stage('measure', measureSchema, () => measureImages(context));
  signal.throwIfAborted();
  return { tokenizer, transformer, measure, shown: await restoreImages(context, SHOWN) };
}
