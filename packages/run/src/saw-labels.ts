import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readRunConfig } from './config/read-run-config.js';
import type { ResolvedRunConfig } from './config/run-config.js';
import { runConfigFile } from './run-files.js';

/**
 * Returns whether a perceptual network, which has learned from labels, helped to train a tokenizer.
 * Of a tokenizer whose run is not at hand nobody knows: that is said, and counts as no.
 */
export async function sawLabels(
  tokenizer: ResolvedRunConfig['tokenizer'] | undefined,
  log: (line: string) => void,
): Promise<boolean> {
  if (tokenizer !== undefined && !('from' in tokenizer)) return Boolean(tokenizer.training.perceptual);
  const file = tokenizer === undefined ? undefined : join(tokenizer.from, runConfigFile);
  if (file !== undefined && existsSync(file)) return sawLabels((await readRunConfig(file)).tokenizer, log);
  log('  whether a network with labels, such as that of LPIPS, helped to train the tokenizer is not known');
  return false;
}
