/**
 * Writes a web page that runs a trained tokenizer and generator with onnxruntime-web, and serves
 * it: see the tokens of an image, change them and see what becomes of it, watch a new image appear
 * token by token (arXiv:2110.04627, sec. 3 and 4), have a part of it made anew (arXiv:2202.04200).
 *
 *   npm run quickstart            makes a tokenizer, about 5 minutes; or
 *   npm run pipeline              a tokenizer and a generator, about 20 minutes
 *   npm run browser               half a minute, then the page is there until Ctrl-C; see README.md
 *   npm run browser -- --help
 */
import '@tensorflow/tfjs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { printable } from '@vitvq/core';
import { runProgram, startEngine } from '@vitvq/example-shared';
import { abortOnCtrlC } from '@vitvq/run';
import { hexCodeColors } from './code-colors.js';
import { loadModels, newestRun } from './models.js';
import { parseArguments } from './options.js';
import { readPictures } from './pictures.js';
import { servePage } from './serve-page.js';
import { makeSmokeModels } from './smoke-models.js';
import { buildPage, exportModels, writeContent } from './write-page.js';

await runProgram('browser', async () => {
  const { out, weights, port, smoke, ...request } = parseArguments(process.argv.slice(2));
  await startEngine();
  const run = smoke ? join(out, 'run') : (request.run ?? newestRun());
  const brush = smoke ? join(out, 'brush-run') : request.brush;
  if (smoke) {
    await makeSmokeModels(run);
    await makeSmokeModels(brush!, { transformer: 'masked' });
  }
  const models = await loadModels(run, brush);
  const { tokenizer, transformer, trainedOn } = models;
  console.log(`Models: ${run}${transformer ? '' : ' (a tokenizer alone: npm run pipeline makes a generator too)'}`);

  await mkdir(out, { recursive: true });
  await buildPage(out);
  const { image } = await exportModels(out, models, { weights });
  const codeColors = await hexCodeColors(tokenizer);
  models.dispose();
  const pictures = await readPictures({ smoke, data: request.data }, models, [image.height, image.width]);
  if (pictures.length === 0) console.log(printable(`No pictures to begin with: ${trainedOn} (--data adds some)`));
  const about = smoke ? 'they know nothing' : `${run}${trainedOn === undefined ? '' : `, trained on ${trainedOn}`}`;
  const samples = models.run.config?.samples;
  const drawing = samples && {
    temperature: samples.temperature,
    topK: samples.topK,
    guidance: samples.guidanceScale,
  };
  await writeContent(out, { pictures, codeColors, about, drawing, hasBrush: models.brush !== undefined });
  console.log(`Page:   ${join(out, 'index.html')}, which any server of static files can give`);
  if (port === undefined) return;

  const stopped = abortOnCtrlC(out, 'closing the page');
  const served = await servePage(out, port);
  console.log(`\nOpen    ${served.url}\nCtrl-C ends it; a page that was open once opens without it, too.`);
  await new Promise((resolve) => stopped.addEventListener('abort', resolve, { once: true }));
  await served.close();
});
