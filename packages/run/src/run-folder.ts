import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError, DataError } from '@vitvq/core';
import { FolderLock, writeJson } from '@vitvq/files';
import { z } from 'zod';

/** What a stage came to. */
export interface StageResult<T> {
  readonly result: T;
  /** Of the call that ended the stage. */
  readonly seconds: number;
}

/** Options of `RunFolder.open`. */
export interface RunFolderOptions<Stage extends string> {
  /**
   * What decides the numbers of the run, as JSON holds it: results of other settings are not mixed.
   */
  readonly settings: Readonly<Record<string, unknown>>;
  /** In their order. */
  readonly stages: readonly Stage[];
  /** Delete what an earlier run left, and nothing else. @default false */
  readonly fresh?: boolean;
  /** Files beside the stages that `fresh` deletes as well: reports, pictures. */
  readonly outcome?: readonly string[];
  /** Receives what the folder says of its stages. @default says nothing */
  readonly log?: (line: string) => void;
}

const SETTINGS_FILE = 'settings.json';
const stageSchema = z.strictObject({ result: z.unknown(), seconds: z.number() });

/**
 * A folder that a run in several stages can be picked up from: `settings.json`, and for each stage
 * that is done its result in `<stage>.json`, written last. What a stage leaves on the way
 * (checkpoints, shards) lies in `<stage>/`.
 */
export class RunFolder<Stage extends string> {
  readonly path: string;
  readonly #stages: readonly Stage[];
  readonly #lock: FolderLock;
  readonly #log: (line: string) => void;

  private constructor(path: string, { stages, log = () => undefined }: RunFolderOptions<Stage>, lock: FolderLock) {
    this.path = path;
    this.#stages = stages;
    this.#lock = lock;
    this.#log = log;
  }

  /**
   * Opens a folder, which is created if need be. No other program opens it until this one ends or
   * closes it.
   * @throws {ConfigError} when it holds a run of other settings
   * @throws {DataError} when another program has opened it, when it cannot be written to, and when
   *   what it holds cannot be read
   */
  static async open<Stage extends string>(path: string, options: RunFolderOptions<Stage>): Promise<RunFolder<Stage>> {
    const lock = await FolderLock.acquire(path);
    try {
      await RunFolder.#prepare(path, options);
      return new RunFolder(path, options, lock);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  static async #prepare(
    path: string,
    { settings, stages, fresh = false, outcome = [] }: RunFolderOptions<string>,
  ): Promise<void> {
    if (fresh) {
      const names = [SETTINGS_FILE, ...outcome, ...stages, ...stages.map((name) => `${name}.json`)];
      for (const name of names) await rm(join(path, name), { recursive: true, force: true });
    }
    const file = join(path, SETTINGS_FILE);
    const earlier = await readJson(file, z.unknown());
    if (earlier !== undefined && JSON.stringify(earlier) !== JSON.stringify(settings)) {
      throw new ConfigError({
        where: file,
        expected: `a run of ${JSON.stringify(settings)}`,
        got: JSON.stringify(earlier),
        fix: 'Give the same options to go on with it, add --fresh to start over, or choose another --out.',
      });
    }
    if (earlier === undefined) await writeJson(file, settings);
  }

  /** Lets other programs open the folder. The end of the program does so too. */
  async close(): Promise<void> {
    await this.#lock.release();
  }

  /** Where a stage keeps its files, such as checkpoints. */
  of(stage: Stage): string {
    return join(this.path, stage);
  }

  /**
   * The result that an earlier start left of the stage, or what `run` returns, which is kept.
   * @throws {DataError} when an earlier result is not of the schema
   */
  async stage<T>(name: Stage, schema: z.ZodType<T>, run: () => Promise<T>): Promise<StageResult<T>> {
    const file = join(this.path, `${name}.json`);
    const earlier = await readJson(file, stageSchema.extend({ result: schema }));
    const title = `Stage ${this.#stages.indexOf(name) + 1} of ${this.#stages.length}, ${name}`;
    if (earlier !== undefined) {
      this.#log(`${title}: kept from an earlier start`);
      return earlier;
    }
    this.#log(title);
    await mkdir(this.of(name), { recursive: true });
    const start = performance.now();
    const result = await run();
    const kept = { result, seconds: (performance.now() - start) / 1000 };
    await writeJson(file, kept);
    this.#log(`  done in ${kept.seconds.toFixed(1)} s`);
    return kept;
  }
}

/** Undefined where there is no file. @throws {DataError} */
async function readJson<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const problem = (got: string): DataError =>
    new DataError({
      where: file,
      expected: 'what this program wrote',
      got,
      fix: 'Add --fresh to start over, or choose another --out.',
    });
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw problem((error as Error).message);
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw problem(z.prettifyError(parsed.error));
}
