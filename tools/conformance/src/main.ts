import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { VitvqError } from '@vitvq/core';
import { engineNames, type EngineName } from '@vitvq/engine';
import { adapters } from './adapters/index.js';
import { startEngine } from './execute.js';
import { readManifest } from './fixture.js';
import { formatResult, formatSummary } from './report.js';
import { runCase, type CaseResult } from './run.js';

/** The golden cases of the repository. */
const ownCases = fileURLToPath(new URL('../fixtures/reference', import.meta.url));

const usage = `Usage: npm run conformance -- [folder] [--engine NAME] [--only TEXT]

Compares the library with the golden cases of a folder (manifest.json and safetensors files), by
default with those of the repository.
  --engine NAME  ${engineNames.join(', ')} (default: the one that users get here; cpu is the oracle)
  --only TEXT    cases whose name or module contains TEXT
Exits with 1 when a case misses, with 2 when the arguments or the folder cannot be used.`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      engine: { type: 'string', default: 'auto' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const [folder = ownCases] = positionals;
  if (positionals.length > 1) {
    console.error(usage);
    return 2;
  }
  const { cases } = await readManifest(folder);
  const { only = '' } = values;
  const chosen = cases.filter(({ name, module }) => name.includes(only) || module.includes(only));
  if (chosen.length === 0) {
    console.error(`No case of ${folder} contains "${only}".`);
    return 2;
  }
  tf.enableProdMode(); // Keeps tfjs from advertising its Node binding.
  const execute = await startEngine(values.engine as EngineName | 'auto');
  const started = performance.now();
  const results: CaseResult[] = [];
  for (const fixture of chosen) {
    const result = await runCase(fixture, { folder, adapters, execute });
    console.log(formatResult(result));
    results.push(result);
  }
  console.log(formatSummary(results, (performance.now() - started) / 1000));
  return results.some(({ status }) => status === 'miss') ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof VitvqError) && !(error instanceof TypeError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
