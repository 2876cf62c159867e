/**
 * Completes the lower half of images that its models have never seen, or of your own pictures: the
 * upper half's codes are given, the class too, and the transformer of a pipeline run
 * (arXiv:2110.04627, stage 2) draws the rest, several times. Measures what the upper half tells it.
 *
 *   npm run pipeline              makes the models, about 20 minutes
 *   npm run completion            about a minute; see README.md for what to expect
 *   npm run completion -- --data path/to/pictures
 *   npm run completion -- --help
 */
import '@tensorflow/tfjs';
import { join } from 'node:path';
import { runProgram, startEngine, writeOutcome } from '@vitvq/example-shared';
import { ImageGenerator } from '@vitvq/sampling';
import { complete, type CompletionRequest } from './complete.js';
import { batchSizeOf, COMPLETIONS } from './config.js';
import { halvesOf, partnersOf } from './halves.js';
import { readTestImages } from './images.js';
import { measureKnowledge, measureLikeness, ofPartners } from './measure.js';
import { loadModels } from './models.js';
import { parseArguments } from './options.js';
import { makeSmokeModels } from './smoke-models.js';
import { metricsOf, reportOf } from './outcome.js';

await runProgram('completion', async () => {
  const { out, data, settings, ...request } = parseArguments(process.argv.slice(2));
  const engine = await startEngine(request);
  const run = request.run ?? join(out, 'models');
  if (request.run === undefined) await makeSmokeModels(run, settings.seed, request);
  const models = await loadModels(run);
  const { tokenizer, transformer, conditioner } = models;
  const batchSize = batchSizeOf(settings);
  const generator = new ImageGenerator({ model: transformer, conditioner, tokenizer, batchSize });
  const halves = halvesOf(transformer.grid[0], transformer.grid[1] * transformer.codeDepth);

  const originals = await readTestImages(models, { data, seed: settings.seed });
  const { classes } = originals;
  const labels = classes ?? Array.from(originals.labels, () => 0);
  const shown = Math.min(settings.images, labels.length);
  console.log(`Images: ${labels.length} of ${originals.source}, ${shown} of them in the report`);
  const tokens = await generator.encode(originals);
  const reconstructions = await generator.decode(tokens);

  // Every image once, the shown ones more often; each completion has a seed of its own.
  const requests = (perImage: number, labelOf: (image: number) => number | undefined): CompletionRequest[] =>
    Array.from({ length: perImage }, (_, number) =>
      labels.slice(0, number === 0 ? undefined : shown).map((_, image) => ({
        image,
        seed: (settings.seed * labels.length + image) * perImage + number,
        label: labelOf(image),
      })),
    ).flat();
  console.log(classes ? 'Completing, with the class and without it ...' : 'Completing ...');
  const withClass =
    classes &&
    (await complete(
      generator,
      models,
      tokens,
      halves,
      requests(COMPLETIONS.withClass, (image) => labels[image]),
    ));
  const withoutClass = await complete(
    generator,
    models,
    tokens,
    halves,
    requests(COMPLETIONS.withoutClass, () => undefined),
  );

  console.log('Measuring what the upper halves tell ...');
  const partners = partnersOf(labels);
  const facts = { halves, partners };
  const knowledge = {
    withClass: classes && (await measureKnowledge(generator, models, tokens, { ...facts, labels })),
    withoutClass: await measureKnowledge(generator, models, tokens, { ...facts, labels: labels.map(() => undefined) }),
  };
  generator.dispose();
  models.dispose();
  const likeness = {
    reconstruction: measureLikeness(reconstructions, originals, reconstructions),
    withClass: withClass && measureLikeness(withClass, originals, reconstructions),
    withoutClass: measureLikeness(withoutClass, originals, reconstructions),
    otherImage: measureLikeness(ofPartners(withClass ?? withoutClass, partners), originals, reconstructions),
  };

  const outcome = { run, shown, originals, reconstructions, withClass, withoutClass, knowledge, likeness };
  const files = await writeOutcome(out, reportOf(outcome, settings), metricsOf(outcome, settings, engine));
  const { own, other, preferred } = knowledge.withClass ?? knowledge.withoutClass;
  const { psnr } = likeness.withClass ?? likeness.withoutClass;
  console.log(`
Lower halves: ${own.toFixed(3)} nats per token under their own upper half, ${other.toFixed(3)} under another${classes ? ' of the class' : ''}
              (the own one is better for ${(100 * preferred).toFixed(1)} % of the images)
Completions:  ${psnr.toFixed(2)} dB from the true lower halves, those of other images ${likeness.otherImage.psnr.toFixed(2)} dB
Pictures:     ${join(out, 'completions.png')}
Report:       ${files.report}
Numbers:      ${files.metrics}`);
});
