/**
 * Images from segmentation maps: scenes that code paints with their exact maps, a tokenizer of the
 * scenes, and a transformer (arXiv:2110.04627, stage 2) that is given a map and draws the codes of
 * a scene. Compares with the same transformer without a condition.
 *
 *   npm run segmentation-to-image            about 12 minutes; see README.md
 *   npm run segmentation-to-image -- --help
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
import { drawScenes, measureSchema, measureScenes } from './measure.js';
import { parseArguments } from './options.js';
import { OUTCOME_FILES, reportOf, type Outcome } from './outcome.js';
import { contextOf, openScenes, STAGES, type StageContext } from './stage-context.js';

await runProgram('segmentation-to-image', async () => {
  const { out, settings, fresh, ...request } = parseArguments(process.argv.slice(2));
  const folder = await RunFolder.open(out, {
    settings: { ...settings },
    stages: STAGES,
    fresh,
    outcome: OUTCOME_FILES,
    log: terminalView.log,
  });
  const engine = await startEngine(request);
  const data = openScenes(settings);
  await folder.begin();
  await assertSameImages(out, { train: data.train, validation: data.test, maps: data.conditions.test });
  const context = contextOf(settings, data, { folder, signal: abortOnCtrlC(out) });
  const outcome = await runStages(context);
  const metrics = imageToImageMetrics(settings, outcome, engine);
  const files = await writeOutcome(out, await reportOf(context, outcome, engine), metrics);
  const { natsPerToken, otherConditionNatsPerToken, noConditionNatsPerToken } = outcome.transformer.result;
  const { realAgreement, figures } = outcome.measure.result;
  const { ours, noCondition } = figures;
  const percent = (fraction: number): string => `${(100 * fraction).toFixed(1)} %`;
  console.log(`
Transformer: ${natsPerToken.toFixed(3)} nats per token, ${otherConditionNatsPerToken.toFixed(3)} given another map, ${noConditionNatsPerToken.toFixed(3)} given none
Pixels:      ${percent(ours.agreement)} look like what the map says, without condition ${percent(noCondition.agreement)}, painted scenes ${percent(realAgreement)}
Fréchet:     ${ours.frechetDistance.toFixed(2)}, without condition ${noCondition.frechetDistance.toFixed(2)}
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
  const measure = await folder.stage('measure', measureSchema, () => measureScenes(context));
  signal.throwIfAborted();
  return { tokenizer, transformer, measure, shown: await drawScenes(context, SHOWN) };
}
