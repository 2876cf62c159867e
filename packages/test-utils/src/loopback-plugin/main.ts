/**
 * Builds the plug-in with which a run of several processes on one machine is tried without
 * accelerators, and prints the variables under which an engine uses it.
 *
 *   npm run loopback-plugin -- --out FILE
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildLoopbackPlugin } from './build-loopback-plugin.js';

const { out } = parseArgs({ options: { out: { type: 'string' } } }).values;
const real = process.env['VITVQ_LOOPBACK_PLUGIN'] || process.env['VITVQ_PJRT_PLUGIN'];
if (!out || !real) {
  process.stderr.write(
    out
      ? 'Name a PJRT plug-in for the CPU in VITVQ_PJRT_PLUGIN.\n'
      : 'usage: npm run loopback-plugin -- --out FILE, a file whose name does not hold "cpu"\n',
  );
  process.exitCode = 2;
} else {
  const file = resolve(out);
  await buildLoopbackPlugin(file);
  const variables = { VITVQ_PJRT_PLUGIN: file, VITVQ_LOOPBACK_PLUGIN: resolve(real), VITVQ_LOOPBACK_DEVICES: 2 };
  for (const [name, value] of Object.entries(variables)) process.stdout.write(`export ${name}=${value}\n`);
}
