import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CheckError, must, run, runTypeScript, type Finished } from './run.js';
import { repositoryRoot } from './workspace.js';

const timeoutSeconds = 900;

/** Tests of sampling that engines which compile slowly are asked for; the others run on `onnx`. */
const samplingTests = [
  'samples what the plain one samples, weights frozen',
  'passes the verification',
  'says so where the logit of token 5',
  'notices weights',
];

/** Steps of the check of one engine, whose output shows where they fail. */
export class EngineSteps {
  /** Temporary folder, whose part `cache` is the cache folder of every step. */
  readonly folder: string;
  readonly #engine: string;
  /** Variables of the environment of every step. */
  readonly #variables: Record<string, string>;

  constructor(engine: string, folder: string) {
    this.#engine = engine;
    this.folder = folder;
    this.#variables = { VITVQ_CACHE: join(folder, 'cache') };
  }

  /** Sets variables of the environment of the steps that follow. */
  setVariables(variables: Readonly<Record<string, string>>): void {
    Object.assign(this.#variables, variables);
  }

  /** Runs a program of the system. */
  command(name: string, ...args: string[]): Promise<string> {
    return this.#step([name, ...args], () => run(name, args, this.#options(repositoryRoot)));
  }

  /** Runs one of our programs. */
  program(file: string, ...args: string[]): Promise<string> {
    const options = this.#options(repositoryRoot);
    return this.#step([file, ...args], () => runTypeScript(join(repositoryRoot, file), args, options));
  }

  /** Runs tests of a workspace. */
  tests(workspace: string, ...args: string[]): Promise<string> {
    const vitest = join(repositoryRoot, 'node_modules/vitest/vitest.mjs');
    const options = this.#options(join(repositoryRoot, workspace));
    return this.#step([workspace, ...args], () => run(process.execPath, [vitest, 'run', ...args], options));
  }

  /** Runs the tests of sampling whose engine has such a name. */
  samplingTests(engine: string): Promise<string> {
    return this.tests('packages/sampling', 'compiled-sampling', '-t', `${engine} (${samplingTests.join('|')})`);
  }

  /** Trains an example for a few steps. */
  async smoke(example: string): Promise<void> {
    const out = join(this.folder, example);
    await this.program(`examples/${example}/src/main.ts`, '--smoke', '--engine', this.#engine, '--out', out);
  }

  /**
   * Compares the losses of ten steps of all trainings with those on `onnx`.
   * @param meshes  arrangements of devices in place of a single one
   */
  async compareLosses(...meshes: string[]): Promise<void> {
    const contenders = meshes.length === 0 ? ['--engine', this.#engine] : meshes.flatMap((mesh) => ['--mesh', mesh]);
    console.log(await this.program('tools/checks/src/compare-losses.ts', ...contenders));
  }

  #options(cwd: string): { cwd: string; env: NodeJS.ProcessEnv; timeoutSeconds: number } {
    return { cwd, env: { ...process.env, ...this.#variables }, timeoutSeconds };
  }

  async #step(words: readonly string[], work: () => Promise<Finished>): Promise<string> {
    const what = words.join(' ').replaceAll(`${this.folder}/`, '');
    const started = performance.now();
    const output = must(what, await work());
    console.log(`✓ ${what} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
    return output;
  }
}

/** Checks an engine in a temporary folder; the first step that fails is printed with its output. */
export async function checkEngine(engine: string, check: (steps: EngineSteps) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), `vitvq-${engine}-`));
  try {
    await check(new EngineSteps(engine, folder));
  } catch (error) {
    if (!(error instanceof CheckError)) throw error;
    console.error(error.message.trimEnd());
    process.exitCode = 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
