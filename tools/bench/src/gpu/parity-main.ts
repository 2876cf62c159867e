/**
 * Computes one step of every workload on the engine that is named: the values of each as one line
 * of JSON on stdout.
 */
import { useEngine, type EngineName } from '@vitvq/engine';
import type { PresetName } from '../workloads.js';
import { computeParity, parityWorkloads } from './parity.js';

const [, , engine, preset] = process.argv;
await useEngine({ name: engine as EngineName, onCompile: () => undefined });
for (const workload of parityWorkloads) {
  const answer = await computeParity(workload, preset as PresetName).catch((error: unknown) => ({
    error: `${workload}: ${error instanceof Error ? error.message : String(error)}`,
  }));
  console.log(JSON.stringify(answer));
}
process.exit(0);
