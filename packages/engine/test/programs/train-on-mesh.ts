/**
 * Trains two layers on a mesh and prints all numbers: alone, or as a process of a run of several
 * where `VITVQ_RANK` and its companions say so.
 *
 *     train-on-mesh.ts '{"data":4}' [steps] [fail | leave]
 *
 * With `fail`, process 0 says after the steps that it fails; with `leave` it just ends. SIGTERM, to
 * whichever process, ends the training early.
 */
import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { readClusterPlace } from '@vitvq/cluster';
import { compile, endEngine, serveDevices, useEngine, type MeshOptions } from '../../src/index.js';
import { createTwoLayers, wave } from '../two-layers.js';

const [mesh, steps = '4', ending] = process.argv.slice(2);
const place = readClusterPlace();
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
const processes = place && { place, joinSeconds: 60, hangSeconds: 4 };

async function train(): Promise<void> {
  await useEngine({
    name: 'pjrt',
    mesh: JSON.parse(mesh!) as MeshOptions,
    processes: processes && { ...processes, onStop: () => stop.abort() },
    onCompile: () => undefined,
  });
  const { variables, update } = createTwoLayers();
  // Small results come back whole; a large one lies on the devices until it is read.
  const step = compile((x: tf.Tensor2D) =>
    tf.tidy(() => ({ value: update(x), small: tf.mul(x, 2), large: tf.tile(x, [1, 1024]) })),
  );
  const batch = wave([8, 6], 1) as tf.Tensor2D;
  const numbers: number[] = [];
  for (let index = 0; index < Number(steps) && !stop.signal.aborted; index++) {
    const { value, small, large } = await step(batch);
    numbers.push((await value.data())[0]!, ...(await small.data()));
    const sum = [...(await large.data())].reduce((total, each, place) => total + each * ((place % 7) + 1), 0);
    numbers.push(sum);
    tf.dispose([value, small, large]);
    process.stdout.write(`step ${index}\n`);
  }
  for (const variable of variables) numbers.push(...(await variable.data()));
  step.dispose();
  if (ending === 'leave') return;
  if (ending === 'fail') {
    await endEngine({ failure: 'the numbers are wrong' });
    throw new Error('the numbers are wrong');
  }
  await endEngine();
  // The tensors go on where there is no engine.
  process.stdout.write(`numbers ${JSON.stringify([...numbers, ...variables[0]!.dataSync()])}\n`);
}

try {
  if (processes && processes.place.rank > 0) await serveDevices({ ...processes, signal: stop.signal });
  else await train();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}
