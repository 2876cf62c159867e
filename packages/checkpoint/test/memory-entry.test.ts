import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

/** Returns the packages that a file and the files that it imports need. Types do not count. */
function packagesOf(entry: URL): Set<string> {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (file: URL): void => {
    if (seen.has(file.href)) return;
    seen.add(file.href);
    const source = readFileSync(fileURLToPath(file), 'utf8');
    for (const [, clause = '', from = ''] of source.matchAll(/^(?:im|ex)port ([^;]*?) from '([^']+)';/gms)) {
      if (clause.startsWith('type ')) continue;
      if (from.startsWith('.')) visit(new URL(from.replace(/[.]js$/, '.ts'), file));
      else packages.add(from);
    }
    // The pattern above would miss a dynamic import or a require.
    expect(source, file.pathname).not.toMatch(/\b(?:import|require)\(/);
  };
  visit(entry);
  return packages;
}

it('the entry for memory needs no Node.js: it reaches TensorFlow.js and core alone', () => {
  const packages = packagesOf(new URL('../src/memory.ts', import.meta.url));
  expect(packages).toEqual(new Set(['@tensorflow/tfjs-core', '@vitvq/core']));
});

it('the main entry exports all of the entry for memory', async () => {
  const [main, memory] = [await import('../src/index.js'), await import('../src/memory.js')];
  expect(main).toMatchObject(memory);
});
