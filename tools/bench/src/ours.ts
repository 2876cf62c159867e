/** Our side of the benchmark, in a process of its own: one JSON request a line on stdin, one answer a line on stdout. */
import { createInterface } from 'node:readline';
import { useEngine } from '@vitvq/engine';
import type { Measurement, MeasureRequest } from './protocol.js';
import { presets, workloads, type Workload } from './workloads.js';

const [, , engineName, threads] = process.argv;
let compileMilliseconds = 0;
const engine = await useEngine({
  name: engineName as 'auto',
  threads: threads === undefined ? undefined : Number(threads),
  onCompile: ({ phase, milliseconds = 0 }) => {
    if (phase === 'done') compileMilliseconds += milliseconds;
  },
});
const built = new Map<string, Workload>();

async function measure({ workload: name, preset, repeats }: MeasureRequest): Promise<Measurement> {
  const key = `${name} ${preset}`;
  let workload = built.get(key);
  if (!workload) {
    workload = workloads[name]!(presets[preset]!);
    built.set(key, workload);
    await workload.run(); // compiles
  }
  const ms: number[] = [];
  const cpu: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const before = process.cpuUsage();
    const start = performance.now();
    await workload.run();
    ms.push(performance.now() - start);
    const used = process.cpuUsage(before);
    cpu.push((used.user + used.system) / 1000);
  }
  return {
    system: `vitvq ${engine.name}`,
    threads: engine.threads,
    ms,
    cpu_ms: cpu,
    per_run: workload.amount,
    unit: workload.unit,
    params: workload.parameters,
    rss_mb: process.resourceUsage().maxRSS / 1024,
    compile_ms: compileMilliseconds,
  };
}

console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify(await measure(JSON.parse(line) as MeasureRequest)));
  } catch (error) {
    console.log(JSON.stringify({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }));
  }
}
process.exit(0);
