/** A process of the toy training: `train.ts <folder> <step at which process 0 stands still>`. */
import { joinCluster, ProcessLostError, readClusterPlace } from '@vitvq/cluster';
import { trainToy } from '../toy-training.js';

const [folder, pauseAt] = process.argv.slice(2);
const cluster = await joinCluster(readClusterPlace(), { joinSeconds: 30 });
try {
  const result = await trainToy(cluster, folder!, {
    onStep: async (step) => {
      process.stdout.write(`step ${step}\n`);
      if (cluster.rank === 0 && step === Number(pauseAt)) await new Promise((resolve) => setTimeout(resolve, 60_000));
    },
  });
  await cluster.leave();
  process.stdout.write(`result ${JSON.stringify(result)}\n`);
} catch (error) {
  if (!(error instanceof ProcessLostError)) throw error;
  process.stdout.write(`stopped: ${error.message}\n`);
  process.exitCode = 3;
}
