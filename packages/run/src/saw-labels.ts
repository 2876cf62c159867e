import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readRunConfig } from './config/read-run-config.js';
import type { ResolvedRunConfig } from './config/run-config.js';
import { runConfigFile } from './run-files.js';

/**
 * Returns whether a network that has learned from labels helped to train a tokenizer: a perceptual
 * one, or one whose features the latents were aligned with, which may have. Of a tokenizer whose
 * run is not at hand nobody knows: that is said, and counts as no.
 */
export async function sawLabels(
  tokenizer: ResolvedRunConfig['tokenizer'] | undefined,
  log: (line: string) => void,
): Promise<boolean> {
  if (tokenizer !== undefined && !('from' in tokenizer)) {
    const { perceptual, alignment } = tokenizer.training;
    return Boolean(perceptual ?? alignment);
  }
  const file = tokenizer === undefined ? undefined : join(tokenizer.from, runConfigFile);
  if (file !== undefined && existsSync(file)) return sawLabels((await readRunConfig(file)).tokenizer, log);
  log('  whether a network with labels, such as that of LPIPS, helped to train the tokenizer is not known');
  return false;
}
