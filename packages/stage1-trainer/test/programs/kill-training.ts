/**
 * Kills a training ten times over its whole life, compares what it leaves with a run that was left
 * alone, and begins anew, until there were `--count` kills. Prints what the runs were doing, and
 * fails where a bit differs.
 *
 *   npm run kill-training -- --count 200
 */
import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { foldIn, randomKey } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { killedRun, leftBy, type Kill } from '../killed-run.js';
import { killedTrainer } from '../tiny-gan.js';

const KILLS_A_RUN = 10;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const { values } = parseArgs({
  options: { count: { type: 'string', default: '200' }, seed: { type: 'string', default: '0' } },
});
const runs = Math.ceil(Number(values.count) / KILLS_A_RUN);
const folder = await mkdtemp(join(tmpdir(), 'vitvq-kills-'));
const kills: Kill[] = [];
let different = 0;
try {
  await useEngine({ name: 'onnx', threads: 1, onCompile: () => undefined });
  const straight = join(folder, 'straight');
  const trainer = killedTrainer(straight);
  await trainer.run();
  trainer.dispose();
  const expected = await leftBy(straight);
  for (let run = 0; run < runs; run++) {
    const directory = join(folder, `killed-${run}`);
    kills.push(...(await killedRun(directory, KILLS_A_RUN, foldIn(randomKey(Number(values.seed)), run))));
    const isSame = isDeepStrictEqual(await leftBy(directory), expected);
    if (!isSame) different++;
    say(`run ${run + 1} of ${runs}: ${kills.length} kills, ${isSame ? 'the same bits' : 'DIFFERENT'}`);
    await rm(directory, { recursive: true });
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
const counts = new Map<string, number>();
for (const { doing, discriminator } of kills) {
  const moment = `${doing.padEnd(14)}  ${discriminator}`;
  counts.set(moment, (counts.get(moment) ?? 0) + 1);
}
say('\nduring          discriminator     kills');
for (const [moment, count] of [...counts].sort()) say(`${moment.padEnd(32)}  ${String(count).padStart(5)}`);
say(`${runs - different} of ${runs} runs left the same bits as the run that was left alone`);
if (different > 0) process.exitCode = 1;
