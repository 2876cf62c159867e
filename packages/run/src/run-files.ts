import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonObject } from '@vitvq/checkpoint';

/** Name of the file with the config in the folder of a run. */
export const runConfigFile = 'config.yaml';

/** Name of the file with the numbers of a run, written last: where it exists, the run is done. */
export const metricsFile = 'metrics.json';

/** Name of the file that tells the images of a run apart from others. */
export const imagesFile = 'images.json';

/** Name of the file of a run that holds its proxy classifier. */
export const proxyFile = 'proxy.safetensors';

/**
 * Returns the numbers of a run; none of one that is not done.
 * @throws {DataError} when the file cannot be read
 */
export async function readMetrics(run: string): Promise<Readonly<Record<string, unknown>>> {
  const file = join(run, metricsFile);
  if (!existsSync(file)) return {};
  const { value } = await readJsonObject(file, 'the numbers of a run', { maximumBytes: 2 ** 24, maximumDepth: 64 });
  return value;
}
