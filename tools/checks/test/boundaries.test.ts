import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';

const repository = resolve(import.meta.dirname, '../../..');
const depcruise = join(repository, 'node_modules/.bin/depcruise');
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/**
 * Runs the repository's rules on a small repository made of `files`; `built` has packages resolve
 * to their output.
 */
function violations(files: Readonly<Record<string, string>>, { built = true } = {}): string[] {
  const root = mkdtempSync(join(tmpdir(), 'vitvq-boundaries-'));
  folders.push(root);
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  };
  write('package.json', '{"private":true,"type":"module","workspaces":["packages/*","examples/*","tools/*"]}');
  mkdirSync(join(root, 'node_modules/@vitvq'), { recursive: true });
  for (const name of ['core', 'layers', 'quantizers', 'engine', 'tokenizer', 'test-utils']) {
    write(`packages/${name}/src/index.ts`, 'export const here = 1;\n');
    write(
      `packages/${name}/package.json`,
      JSON.stringify({ name: `@vitvq/${name}`, type: 'module', exports: { '.': './dist/index.js' } }),
    );
    if (built) write(`packages/${name}/dist/index.js`, 'export const here = 1;\n');
    symlinkSync(join(root, 'packages', name), join(root, 'node_modules/@vitvq', name));
  }
  for (const folder of ['examples/a/src', 'examples/b/src', 'tools/t/src']) write(`${folder}/main.ts`, 'export {};\n');
  for (const [file, text] of Object.entries(files)) write(file, text);

  const { stdout, stderr } = spawnSync(
    process.execPath,
    [depcruise, '--config', join(repository, '.dependency-cruiser.mjs'), '-T', 'json', 'packages', 'examples', 'tools'],
    { cwd: root, encoding: 'utf8' },
  );
  if (!stdout) throw new Error(stderr);
  const { summary } = JSON.parse(stdout) as { summary: { violations: { from: string; rule: { name: string } }[] } };
  return summary.violations.map(({ from, rule }) => `${rule.name}: ${from}`).sort();
}

describe('boundaries', () => {
  test('accept imports that point down, by name', () => {
    expect(
      violations({
        'packages/layers/src/x.ts': "import { here } from '@vitvq/core';\nexport const x = here;\n",
        'packages/tokenizer/src/x.ts': "import { here } from '@vitvq/layers';\nexport const x = here;\n",
        'packages/layers/test/x.test.ts': "import '@vitvq/test-utils';\nimport '../src/x.js';\n",
        'examples/a/src/main.ts': "import '@vitvq/tokenizer';\n",
        'packages/core/src/a.ts': "import type { b } from './b.js';\nexport const a = 1;\nexport type B = typeof b;\n",
        'packages/core/src/b.ts': "import { a } from './a.js';\nexport const b = a;\n",
      }),
    ).toEqual([]);
  });

  // One run for all of them: starting the tool costs more than its work.
  const cases = [
    ['layers-imports-point-down', 'packages/layers/src/family.ts', "import '@vitvq/quantizers';"],
    ['layers-imports-point-down', 'packages/layers/src/type.ts', "import type { here } from '@vitvq/engine';"],
    ['layers-imports-point-down', 'packages/layers/src/dynamic.ts', "export const x = import('@vitvq/tokenizer');"],
    ['core-imports-point-down', 'packages/core/src/x.ts', "import '@vitvq/layers';"],
    ['nobody-imports-tools', 'packages/layers/src/tool.ts', "import '../../../tools/t/src/main.js';"],
    ['nobody-imports-examples', 'packages/layers/src/example.ts', "import '../../../examples/a/src/main.js';"],
    ['examples-and-tools-stand-alone', 'examples/b/src/other.ts', "import '../../a/src/main.js';"],
    ['packages-by-name', 'examples/b/src/path.ts', "import '../../../packages/core/src/index.js';"],
    ['no-deep-imports', 'examples/b/src/deep.ts', "import '@vitvq/core/dist/internal.js';"],
    ['test-utils-in-tests-only', 'packages/layers/src/help.ts', "import '@vitvq/test-utils';"],
    ['sources-do-not-import-tests', 'packages/layers/src/test.ts', "import '../test/help.js';"],
    ['package-without-a-rule', 'packages/new/src/index.ts', "import '@vitvq/core';"],
  ] as const;
  let found: string[];
  beforeAll(() => {
    const files = cases.map(([, file, text]) => [file, `${text}\n`] as const);
    found = violations({ 'packages/layers/test/help.ts': 'export {};\n', ...Object.fromEntries(files) });
  });
  test.each(cases)('refuse %s in %s: %s', (rule, file) => {
    expect(found).toContain(`${rule}: ${file}`);
  });

  test('do not depend on what has been built', () => {
    const layers = 'packages/layers/src/x.ts';
    expect(violations({ [layers]: "import '@vitvq/quantizers';\n" }, { built: false })).toEqual([
      `layers-imports-point-down: ${layers}`,
    ]);
  });

  test('refuse a cycle', () => {
    const found = violations({
      'packages/core/src/a.ts': "import './b.js';\nexport {};\n",
      'packages/core/src/b.ts': "import './a.js';\nexport {};\n",
    });
    expect(found).toContain('no-cycles: packages/core/src/a.ts');
  });
});
