/** Has a thread wait in a native call for as long as it likes, and ends without it. */
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { endThread, exitWithout } from '../../src/backend/end-thread.js';
import { WorkerControl } from '../../src/backend/worker-control.js';

const control = new WorkerControl();
control.setBusy(true);
const koffi = JSON.stringify(createRequire(import.meta.url).resolve('koffi'));
const source = `require(${koffi}).load(null).func('unsigned int sleep(unsigned int seconds)')(60)`;
const worker = new Worker(source, { eval: true });
await once(worker, 'online');
await setTimeout(500);
exitWithout(control, 200);
await endThread(worker, control, 200);
process.stdout.write('went on\n');
process.exit(1);
