/**
 * Our side of the benchmark, in a process of its own: one JSON request a line on stdin, one answer
 * a line on stdout.
 */
import { createInterface } from 'node:readline';
import { describeEngine, useEngine, type MeshOptions, type Precision } from '@vitvq/engine';
import { measureBatches } from './batches.js';
import { measureImport } from './import-checkpoint.js';
import { measureMemory, measureSamplingMemory } from './memory.js';
import type { BatchesRequest, ImportRequest, Measurement, MeasureRequest, MemoryRequest } from './protocol.js';
import type { Workload } from './workload.js';
import { presets, workloads, type PresetName } from './workloads.js';

const [, , engineName, threads, precision, mesh] = process.argv;
let compileMilliseconds = 0;
const engine = await useEngine({
  name: engineName as 'auto',
  threads: threads === undefined ? undefined : Number(threads),
  mesh: mesh === undefined ? undefined : (JSON.parse(mesh) as MeshOptions),
  onCompile: ({ phase, milliseconds = 0 }) => {
    if (phase === 'done') compileMilliseconds += milliseconds;
  },
});
const built = new Map<string, Workload>();

async function measure({ workload: name, preset, repeats }: MeasureRequest): Promise<Measurement> {
  const key = `${name} ${preset}`;
  let workload = built.get(key);
  if (!workload) {
    workload = workloads[name]!.build(presets[preset as PresetName], precision as Precision | undefined);
    built.set(key, workload);
    for (const { run } of workload.runs) await run(); // compiles
  }
  const ms: number[] = [];
  const cpu: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    let [elapsed, busy] = [0, 0];
    for (const { share, run } of workload.runs) {
      const before = process.cpuUsage();
      const start = performance.now();
      await run();
      elapsed += share * (performance.now() - start);
      const used = process.cpuUsage(before);
      busy += (share * (used.user + used.system)) / 1000;
    }
    ms.push(elapsed);
    cpu.push(busy);
  }
  const [device] = (await describeEngine())?.devices ?? [];
  return {
    system: `vitvq ${engine.name}`,
    device: device?.name,
    device_mb: device?.peakBytes === undefined ? undefined : device.peakBytes / 2 ** 20,
    threads: engine.threads,
    ms,
    cpu_ms: cpu,
    per_run: workload.amount,
    unit: workload.unit,
    params: workload.parameters,
    rss_mb: process.resourceUsage().maxRSS / 1024,
    compile_ms: compileMilliseconds,
    bytes: workload.bytes,
  };
}

type Request = MeasureRequest | MemoryRequest | BatchesRequest | ImportRequest;

function answer(request: Request): Promise<unknown> {
  if ('memoryAt' in request) {
    return request.of === 'training' ? measureMemory(request.memoryAt) : measureSamplingMemory(request.memoryAt);
  }
  if ('batches' in request) return measureBatches(presets[request.preset as PresetName].gpt, request.batches);
  if ('importFile' in request) return measureImport(request.importFile);
  return measure(request);
}

console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify(await answer(JSON.parse(line) as Request)));
  } catch (error) {
    console.log(JSON.stringify({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }));
  }
}
process.exit(0);
