/**
 * Presses Ctrl-C in `npm run quickstart` at random moments, and closes every fifth terminal
 * instead: a training of the real size, on pictures that are made up, which goes on from try to
 * try. Prints a table, and fails where a step was lost.
 *
 *   npm run press-ctrl-c -- --count 50
 */
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { foldIn, randomKey, randomUniform } from '@vitvq/core';
import { madeUpImages } from '@vitvq/example-shared';
import { writePng } from '@vitvq/report';
import { stopInTerminal } from '../terminal.js';

const IMAGE_SIZE = 64;

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '50' },
    /** Of training, at most, before Ctrl-C. */
    seconds: { type: 'string', default: '20' },
    seed: { type: 'string', default: '0' },
  },
});
const draws = randomUniform(foldIn(randomKey(13), Number(values.seed)), Number(values.count));
const folder = await mkdtemp(join(tmpdir(), 'vitvq-ctrl-c-'));
let lost = 0;
try {
  const data = join(folder, 'pictures');
  await mkdir(data);
  const source = madeUpImages({ count: 200, imageSize: IMAGE_SIZE });
  for (let index = 0; index < source.length; index++) {
    const image = await source.read(index);
    if (!('pixels' in image)) throw new Error('made-up images are pixels');
    await writePng(join(data, `${index}.png`), { data: image.pixels, width: image.width, height: image.height });
  }
  console.log('try  how     after    during          said after  ended after  code  steps  saved');
  for (const [index, draw] of draws.entries()) {
    const how = index % 5 === 4 ? 'closed' : 'Ctrl-C';
    const milliseconds = 1000 * Number(values.seconds) * draw;
    const argv = ['--data', data, '--minutes', '10'];
    const stop = await stopInTerminal(join(folder, 'run'), argv, { how, milliseconds });
    const isSaved = stop.savedStep === stop.steps && (how === 'closed' || (stop.code === 130 && stop.saidAfter));
    if (!isSaved) lost++;
    const cells = [
      String(index + 1).padStart(3),
      how.padEnd(6),
      `${(milliseconds / 1000).toFixed(2)} s`.padStart(7),
      stop.during.padEnd(14),
      (stop.saidAfter === undefined ? '-' : `${stop.saidAfter.toFixed(0)} ms`).padStart(11),
      `${stop.endedAfter.toFixed(0)} ms`.padStart(11),
      String(stop.code ?? '-').padStart(4),
      String(stop.steps).padStart(5),
      `${stop.savedStep ?? '-'}${isSaved ? '' : '  LOST'}`,
    ];
    console.log(cells.join('  '));
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
console.log(`${draws.length - lost} of ${draws.length} saved every step`);
if (lost > 0) process.exitCode = 1;
