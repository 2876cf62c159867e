import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readJsonObject } from '@vitvq/checkpoint';

/** Bounds of a config of transformers. */
const limits = { maximumBytes: 2 ** 20, maximumDepth: 16 };

/**
 * Returns the activation that a `config.json` of transformers beside a file of CLIP states for the
 * image tower; undefined where there is none.
 * @throws {DataError} where it cannot be read
 */
export async function activationBeside(file: string): Promise<string | undefined> {
  const config = join(dirname(file), 'config.json');
  if (!existsSync(config)) return undefined;
  const { value } = await readJsonObject(config, 'a config', limits);
  const tower = value['vision_config'];
  if (value['model_type'] !== 'clip' || typeof tower !== 'object' || tower === null) return undefined;
  const activation = (tower as Readonly<Record<string, unknown>>)['hidden_act'];
  // What transformers takes where the config leaves it out.
  return typeof activation === 'string' ? activation : 'quick_gelu';
}
