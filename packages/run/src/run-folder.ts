import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError, DataError } from '@vitvq/core';
import { createFolder, FolderLock, writeJson } from '@vitvq/files';
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
  readonly settings: Settings;
  /** In their order. */
  readonly stages: readonly Stage[];
  /**
   * Returns the part of the settings that a stage and those before it depend on. Another part may
   * change once the stage is done. @default all settings
   */
  readonly settingsOf?: (settings: Settings, stage: Stage) => unknown;
  /** Start over: `begin` deletes what an earlier run left, and nothing else. @default false */
  readonly fresh?: boolean;
  /** Names beside those of the stages that `fresh` deletes as well: reports, pictures. */
  readonly outcome?: readonly string[];
  /** Receives what the folder says of its stages. @default says nothing */
  readonly log?: (line: string) => void;
}

/** Settings of a run. */
export type Settings = Readonly<Record<string, unknown>>;

const SETTINGS_FILE = 'settings.json';
const settingsSchema = z.record(z.string(), z.unknown());
const stageSchema = z.strictObject({ result: z.unknown(), seconds: z.number() });

/**
 * A folder that a run in several stages can be picked up from: `settings.json`, and for each stage
 * that is done its result in `<stage>.json`, written last. What a stage leaves on the way
 * (checkpoints, shards) lies in `<stage>/`.
 */
export class RunFolder<Stage extends string> {
  readonly path: string;
  readonly #options: RunFolderOptions<Stage>;
  readonly #lock: FolderLock;

  private constructor(path: string, options: RunFolderOptions<Stage>, lock: FolderLock) {
    this.path = path;
    this.#options = options;
    this.#lock = lock;
  }

  /**
   * Opens a folder, which is created if need be. No other program opens it until this one ends or
   * closes it. What lies there stays as it is until {@link begin}.
   * @throws {ConfigError} when it holds a stage that began with other settings
   * @throws {DataError} when another program has opened it, when it cannot be written to, and when
   *   what it holds cannot be read
   */
  static async open<Stage extends string>(path: string, options: RunFolderOptions<Stage>): Promise<RunFolder<Stage>> {
    const lock = await FolderLock.acquire(path);
    try {
      if (!options.fresh) await assertSameSettings(path, options);
      return new RunFolder(path, options, lock);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /**
   * Begins to write, once everything that can be checked is checked: deletes an earlier run where
   * `fresh` asks for it, and keeps the settings. A folder that no run has begun in loses nothing.
   */
  async begin(): Promise<void> {
    const { settings, stages, fresh = false, outcome = [] } = this.#options;
    const file = join(this.path, SETTINGS_FILE);
    if (fresh && existsSync(file)) {
      const names = [...outcome, ...stages, ...stages.map((name) => `${name}.json`), SETTINGS_FILE];
      for (const name of names) await rm(join(this.path, name), { recursive: true, force: true });
    }
    await writeJson(file, settings);
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
   * @throws {FolderTakenError} when another program has taken the folder while the stage ran
   * @throws {DataError} when an earlier result is not of the schema, or the new one cannot be
   *   written
   */
  async stage<T>(name: Stage, schema: z.ZodType<T>, run: () => Promise<T>): Promise<StageResult<T>> {
    const file = join(this.path, `${name}.json`);
    const earlier = await readJson(file, stageSchema.extend({ result: schema }));
    const { stages, log = () => undefined } = this.#options;
    const title = `Stage ${stages.indexOf(name) + 1} of ${stages.length}, ${name}`;
    if (earlier !== undefined) {
      log(`${title}: kept from an earlier start`);
      return earlier;
    }
    await createFolder(this.of(name));
    log(title);
    const start = performance.now();
    const result = await run();
    const kept = { result, seconds: (performance.now() - start) / 1000 };
    // A stage may take weeks, in which somebody may have removed the folder or the lock.
    if (await this.#lock.confirm()) log(`  ${this.path} had been removed, moved or replaced: it was taken anew`);
    await writeJson(file, kept);
    log(`  done in ${kept.seconds.toFixed(1)} s`);
    return kept;
  }
}

/** @throws {ConfigError} when a stage that has begun depends on other settings */
async function assertSameSettings<Stage extends string>(
  path: string,
  { settings, stages, settingsOf = (all) => all }: RunFolderOptions<Stage>,
): Promise<void> {
  const file = join(path, SETTINGS_FILE);
  const earlier = await readJson(file, settingsSchema);
  if (earlier === undefined) return;
  for (const stage of stages) {
    const hasBegun = existsSync(join(path, stage)) || existsSync(join(path, `${stage}.json`));
    if (!hasBegun) continue;
    const different = differences(settingsOf(earlier, stage), settingsOf(settings, stage));
    if (different.length === 0) continue;
    throw new ConfigError({
      where: file,
      expected: `the settings that stage ${stage} began with`,
      got: `other ones: ${different.join('; ')}`,
      fix: 'Give the same options to go on with it, add --fresh to start over, or choose another --out.',
    });
  }
}

/** Returns what differs, a line each: `training.batchSize is 32, was 16`. */
function differences(earlier: unknown, now: unknown, path = ''): string[] {
  const [before, after] = [earlier, now].map((value) => JSON.stringify(value));
  if (before === after) return [];
  if (!isObject(earlier) || !isObject(now))
    return [`${path || 'all'} is ${after ?? 'absent'}, was ${before ?? 'absent'}`];
  const names = [...new Set([...Object.keys(earlier), ...Object.keys(now)])];
  return names.flatMap((name) => differences(earlier[name], now[name], path === '' ? name : `${path}.${name}`));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
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
