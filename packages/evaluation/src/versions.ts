import { readFileSync } from 'node:fs';
import { version_core } from '@tensorflow/tfjs-core';
import { currentEngine } from '@vitvq/engine';

/** Returns the versions of what computes figures, and the engine, for cards. */
export function versions(): Record<string, string> {
  return {
    '@vitvq/evaluation': packageVersion(),
    '@tensorflow/tfjs-core': version_core,
    node: process.versions.node,
    engine: currentEngine()?.name ?? 'none',
  };
}

/** Returns the version of this package; a bundle has no file that says it. */
function packageVersion(): string {
  try {
    const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
    const { name, version } = JSON.parse(manifest) as { name?: string; version?: string };
    return name === '@vitvq/evaluation' && version !== undefined ? version : 'unknown';
  } catch {
    return 'unknown';
  }
}
