/**
 * `npm run compare-losses -- --engine pjrt --engine tensorflow`: trains both stages and a
 * classifier for ten steps on the engines that are named and on `onnx`, and fails where losses
 * differ. `--mesh data=2,model=2,weights=sharded` adds the engine `pjrt` on several devices.
 */
import '@tensorflow/tfjs';
import { parseArgs } from 'node:util';
import { engineNames, resolveMesh, type EngineName, type Mesh } from '@vitvq/engine';
import { CheckError } from './internal/run.js';
import { compareLosses, formatLosses, tolerances, trainTenSteps, type Losses } from './internal/ten-steps.js';

const reference = 'onnx';
const many = { type: 'string', multiple: true, default: [] as string[] } as const;
const { values: options } = parseArgs({ options: { engine: many, mesh: many } });

/** Reads a mesh as `data=2,weights=sharded`. */
function meshOf(text: string): Mesh {
  const entries = text.split(',').map((entry) => entry.split('=') as [string, string]);
  return resolveMesh(
    Object.fromEntries(entries.map(([name, value]) => [name, name === 'weights' ? value : Number(value)])),
  );
}

try {
  const unknown = options.engine.filter((name) => !engineNames.some((known) => known === name));
  if (unknown.length > 0 || options.engine.length + options.mesh.length === 0) {
    throw new CheckError(`compare-losses: expected --engine NAME, one or more of ${engineNames.join(', ')}`);
  }
  const all = new Map<string, Losses>();
  for (const name of [reference, ...options.engine] as EngineName[]) all.set(name, await trainTenSteps(name));
  for (const mesh of options.mesh) all.set(mesh, await trainTenSteps('pjrt', meshOf(mesh)));
  console.log(`${formatLosses(all)}\n`);
  const expected = all.get(reference)!;
  const failures: string[] = [];
  for (const [engine, losses] of all) {
    for (const { name, difference, agrees } of compareLosses(expected, losses)) {
      const line = `${engine}: ${name} differs by ${difference.toExponential(1)} at most, allowed ${tolerances[name].toExponential(0)}`;
      console.log(`${agrees ? '✓' : '✗'} ${line}`);
      if (!agrees) failures.push(line);
    }
  }
  if (failures.length > 0) throw new CheckError(`the losses differ from those on ${reference}`);
} catch (error) {
  if (!(error instanceof CheckError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
