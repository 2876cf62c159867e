import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { defineConfig, type Plugin } from 'vitest/config';
import type { Reporter } from 'vitest/node';

/** Packages of ours are run from their sources: nothing has to be built before a test. */
const conditions = ['@vitvq/source', 'node', 'import', 'default'];

const root = import.meta.dirname;

/**
 * Returns a folder for transformed modules, which the runs of all packages share. Its name stands
 * for what the imports of a module mean: with another lock file, or other `exports` of a package,
 * it is another folder.
 */
function moduleCache(): string {
  const manifests = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name, 'package.json'));
  const hash = createHash('sha256');
  for (const file of [join(root, 'package-lock.json'), ...manifests.sort()]) {
    if (existsSync(file)) hash.update(readFileSync(file));
  }
  return join(root, 'node_modules/.cache/vitest', hash.digest('hex').slice(0, 16));
}

/**
 * Has the threads that our packages start run on what was built of them, as the programs do that
 * tests start where `VITVQ_BUILT` is set: on sources a thread takes five times as long to start.
 * The tests of programs that run on sources start such threads, too.
 */
const builtThreads: Plugin = {
  name: 'vitvq-built-threads',
  enforce: 'pre',
  transform(code, id) {
    const [, name] = /packages\/([^/]+)\/src\/(?:backend\/worker-file|internal\/decoder)\.ts$/.exec(id) ?? [];
    if (name === undefined) return undefined;
    const built = pathToFileURL(join(root, 'packages', name, 'dist/index.js')).href;
    return { code: code.replaceAll('import.meta.url', () => JSON.stringify(built)), map: null };
  },
};

/** Engines that few systems have: their tests are skipped, also in CI, which has steps for them. */
const engineOfAStep = /\b(pjrt|xla|webgpu|cuda|tensorflow(?!\.js))/i;

let isSelection = false;

/**
 * Fails a run of which tests were skipped. Tests are skipped where the system lacks what they need
 * (an engine, `prlimit`, `/dev/full`); in CI all of it is there, or a broken installation would let
 * the tests pass. Tests that the command line does not ask for (`-t`) do not count.
 */
const nothingSkipped: Reporter = {
  onInit({ config }) {
    isSelection = config.testNamePattern !== undefined;
  },
  onTestRunEnd(modules) {
    if (isSelection) return;
    const skipped = modules
      .flatMap(({ children, relativeModuleId }) =>
        [...children.allTests('skipped')].map(({ fullName }) => `  ${relativeModuleId} > ${fullName}`),
      )
      .filter((test) => !engineOfAStep.test(test));
    if (skipped.length === 0) return;
    process.stderr.write(`In CI no test may be skipped. Install what these need:\n${skipped.join('\n')}\n`);
    process.exitCode = 1;
  },
};

/** Returns Vitest's own reporters, and in CI (on Linux) the one that looks for skipped tests. */
function reporters(): (string | Reporter)[] {
  const usual = process.env['GITHUB_ACTIONS'] === 'true' ? ['default', 'github-actions'] : ['default'];
  return process.env['CI'] && process.platform === 'linux' ? [...usual, nothingSkipped] : usual;
}

export default defineConfig({
  // The same for each package, or they would not share transformed modules.
  root,
  plugins: process.env['VITVQ_BUILT'] ? [builtThreads] : [],
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    dir: process.cwd(),
    include: ['test/**/*.test.ts'],
    experimental: { fsModuleCache: true, fsModuleCachePath: moduleCache() },
    testTimeout: 180_000,
    hookTimeout: 180_000,
    reporters: reporters(),
    // Files of a package share one process, so that TensorFlow.js is loaded once.
    isolate: false,
    // Nx asks for colours in a terminal; programs that tests start would colour what tests read.
    env: { FORCE_COLOR: '0' },
    // The machine that runs the checks has two cores; Nx already runs packages side by side.
    maxWorkers: 1,
    fileParallelism: false,
  },
});
